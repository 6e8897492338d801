import type { SecureContextOptions } from 'node:tls';
import type { Logger } from '@claviger/platform/telemetry';
import { CERTIFICATE_EXPIRY, RELOADS_FAILED } from './tls.metrics.js';
import { expiryOf, readTlsFiles, secureContextOf, type TlsFiles, type TlsMaterial } from './tls-files.js';

/** Files are read rather than watched: what replaces them (a link that is moved, a volume of a container) is told to no watcher. */
const LOOK_EVERY_MS = 5_000;

export type CertificateKeeperDependencies = {
  readonly server: { setSecureContext(options: SecureContextOptions): void };
  readonly files: TlsFiles;
  readonly logger: Logger;
};

/**
 * Keeps a listener at the certificate that its files hold, for connections made from then on. Files that do not fit each other
 * (one was replaced already and the other one not yet) change nothing.
 */
export class CertificateKeeper {
  #timer: NodeJS.Timeout | undefined;
  #hasFailed = false;
  readonly #onSignal = (): void => this.look();

  /** @param current what the listener was made with */
  constructor(
    private readonly dependencies: CertificateKeeperDependencies,
    private current: TlsMaterial,
  ) {
    this.#tellExpiry();
  }

  /** Looks every five seconds, and at once on SIGHUP. */
  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
    this.#timer.unref();
    process.on('SIGHUP', this.#onSignal);
  }

  stop(): void {
    clearInterval(this.#timer);
    process.off('SIGHUP', this.#onSignal);
  }

  /** Takes over what has changed. Never throws; a change that cannot be taken over is logged once. */
  look(): void {
    const { files, server, logger } = this.dependencies;
    try {
      const next = readTlsFiles(files);
      this.#hasFailed = false;
      if (isSame(next, this.current)) return;
      server.setSecureContext(secureContextOf(next));
      this.current = next;
      this.#tellExpiry();
      logger.info('tls.reloaded', { expiresAt: expiryOf(next).toISOString() });
    } catch (error) {
      if (this.#hasFailed) return;
      this.#hasFailed = true;
      RELOADS_FAILED.of({}).add();
      logger.warn('tls.reload_failed', {}, error);
    }
  }

  #tellExpiry(): void {
    CERTIFICATE_EXPIRY.of({}).set(expiryOf(this.current).getTime() / 1_000);
  }
}

function isSame(a: TlsMaterial, b: TlsMaterial): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca;
}
