import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { AppError } from '@claviger/kernel';

/**
 * The authorities in a file that a setting names; undefined where none is named.
 * @throws AppError CONFIG_INVALID when it cannot be read, or has no certificate in it
 */
export function readCertificates<P extends string | undefined>(variable: string, path: P): P {
  if (path === undefined) return path;
  try {
    const pem = readFileSync(path, 'utf8');
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error('no certificate');
    createSecureContext({ ca: pem });
    return pem as P;
  } catch (cause) {
    const isUnread = typeof (cause as NodeJS.ErrnoException).syscall === 'string';
    const why = isUnread ? 'the file cannot be read' : 'there is no PEM certificate in the file';
    const message = `The configuration is wrong. ${variable}: ${why}.`;
    throw new AppError({ code: 'CONFIG_INVALID', kind: 'invalid', message, cause });
  }
}
