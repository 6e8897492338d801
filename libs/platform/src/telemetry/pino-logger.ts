import { pino, stdTimeFunctions, type DestinationStream, type Logger as Pino } from 'pino';
import { errorFacts } from './error-facts.js';
import { Logger, type LogFacts, type LogLevel } from './logger.js';
import { safeFacts } from './safe-facts.js';

export type LoggerOptions = {
  readonly level: LogLevel;
  /** What this process is: `api`, `worker`, `standalone`, `cli`. */
  readonly process: string;
  /** Where lines go; standard output unless given. */
  readonly destination?: DestinationStream;
};

/** The {@link Logger} of a process: JSON lines through pino, each with level, ISO time, service, process and event. */
export function createLogger(options: LoggerOptions): Logger {
  const pinoOptions = {
    level: options.level,
    base: { service: 'claviger', process: options.process },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return new PinoLogger(options.destination ? pino(pinoOptions, options.destination) : pino(pinoOptions));
}

/** Everything passes `safeFacts` and `errorFacts` before pino sees it, so that pino has nothing to redact. */
class PinoLogger extends Logger {
  constructor(private readonly pino: Pino) {
    super();
  }

  trace(event: string, facts?: LogFacts): void {
    this.#write('trace', event, facts);
  }

  debug(event: string, facts?: LogFacts): void {
    this.#write('debug', event, facts);
  }

  info(event: string, facts?: LogFacts): void {
    this.#write('info', event, facts);
  }

  warn(event: string, facts?: LogFacts, error?: unknown): void {
    this.#write('warn', event, facts, error);
  }

  error(event: string, facts?: LogFacts, error?: unknown): void {
    this.#write('error', event, facts, error);
  }

  child(facts: LogFacts): Logger {
    return new PinoLogger(this.pino.child(safeFacts(facts)));
  }

  #write(level: Exclude<LogLevel, 'silent'>, event: string, facts?: LogFacts, error?: unknown): void {
    if (!this.pino.isLevelEnabled(level)) return;
    const failure = error === undefined ? {} : { error: errorFacts(error) };
    this.pino[level]({ event, ...safeFacts(facts), ...failure });
  }
}
