import { createLogger, type Logger, type LogLevel } from '@claviger/platform/telemetry';

/** A line as it was written. */
export type CapturedLine = Readonly<Record<string, unknown>> & { readonly level: string; readonly event: string };

export type LogCapture = {
  readonly logger: Logger;
  /** The lines so far, oldest first; of one event when it is named. */
  lines(event?: string): readonly CapturedLine[];
  /** Everything written so far, for finding what must not be there. */
  text(): string;
};

/** A real logger that writes into memory. */
export function captureLogs(level: LogLevel = 'trace'): LogCapture {
  const written: string[] = [];
  const logger = createLogger({ level, process: 'test', destination: { write: (line) => void written.push(line) } });
  return {
    logger,
    lines: (event) =>
      written
        .map((line) => JSON.parse(line) as CapturedLine)
        .filter((line) => event === undefined || line.event === event),
    text: () => written.join(''),
  };
}
