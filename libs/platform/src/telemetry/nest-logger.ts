import type { LoggerService } from '@nestjs/common';
import { RuntimeException } from '@nestjs/core/errors/exceptions/runtime.exception.js';
import type { Logger } from './logger.js';

/**
 * Nest's own lines, through our logger: what it tells about starting is `debug`, and errors pass like any other error.
 * The text of an error line is dropped, since libraries put messages of what they caught into it; only Nest's complaints
 * about the wiring of modules keep their text, which names classes.
 */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.logger.debug('nest.message', describe(message, rest));
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.logger.trace('nest.message', describe(message, rest));
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.logger.trace('nest.message', describe(message, rest));
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.logger.warn('nest.warning', describe(message, rest));
  }

  error(message: unknown, ...rest: unknown[]): void {
    const context = contextOf(rest);
    if (message instanceof RuntimeException) this.logger.error('nest.wiring', { context, text: message.message });
    else this.logger.error('nest.error', { context }, message);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.error(message, ...rest);
  }
}

function describe(message: unknown, rest: readonly unknown[]): { context?: string; text?: string } {
  return { context: contextOf(rest), text: typeof message === 'string' ? message : undefined };
}

/** Nest passes the name of the speaker last. A stack may stand there instead; it has more than one line. */
function contextOf(rest: readonly unknown[]): string | undefined {
  const last = rest.at(-1);
  return typeof last === 'string' && /^[\w.-]{1,64}$/.test(last) ? last : undefined;
}
