import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { AppError } from '@claviger/kernel';
import type { Config } from '@claviger/platform/config';

/** What is listened with. */
export type TlsMaterial = {
  readonly cert: string;
  readonly key: string;
  /** Authorities of clients; without them clients need no certificate. */
  readonly ca?: string;
};

/** Where it is read from. */
export type TlsFiles = {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile?: string | undefined;
};

/** The files that the configuration names; undefined for plain HTTP. */
export function tlsFilesOf({ tlsCertFile, tlsKeyFile, tlsClientCaFile }: Config['server']): TlsFiles | undefined {
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return undefined;
  return { certFile: tlsCertFile, keyFile: tlsKeyFile, clientCaFile: tlsClientCaFile };
}

/** Reads the files. @throws AppError TLS_UNUSABLE when one cannot be read, is no PEM, or the key is of another certificate */
export function readTlsFiles({ certFile, keyFile, clientCaFile }: TlsFiles): TlsMaterial {
  const material = {
    cert: read('CLAVIGER_TLS_CERT_FILE', certFile),
    key: read('CLAVIGER_TLS_KEY_FILE', keyFile),
    ...(clientCaFile === undefined ? {} : { ca: read('CLAVIGER_TLS_CLIENT_CA_FILE', clientCaFile) }),
  };
  if (material.ca !== undefined && !material.ca.includes('-----BEGIN CERTIFICATE-----'))
    throw unusable('there is no PEM certificate in CLAVIGER_TLS_CLIENT_CA_FILE.');
  try {
    createSecureContext(secureContextOf(material));
  } catch (cause) {
    throw unusable(
      'CLAVIGER_TLS_CERT_FILE must be a PEM certificate, and CLAVIGER_TLS_KEY_FILE the PEM of its private key, without a passphrase.',
      cause,
    );
  }
  return material;
}

/** The options of Node's TLS. */
export function secureContextOf(material: TlsMaterial): SecureContextOptions {
  return { ...material, minVersion: 'TLSv1.2' };
}

/** When the certificate itself expires, the first of the file. */
export function expiryOf({ cert }: TlsMaterial): Date {
  return new Date(new X509Certificate(cert).validTo);
}

function read(variable: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw unusable(
      `the file of ${variable} cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'}).`,
      cause,
    );
  }
}

function unusable(why: string, cause?: unknown): AppError {
  const message = `Claviger cannot listen with TLS: ${why}`;
  return new AppError({ code: 'TLS_UNUSABLE', kind: 'invalid', message, ...(cause === undefined ? {} : { cause }) });
}
