import jks from 'jks-js';
import { MalformedDer } from './der.js';
import type { KeyStoreContents } from './key-store-contents.js';
import { WrongPassword } from './password-based-encryption.js';

/**
 * Opens a Java key store of the JKS format with its password, which its digest confirms (jks-js skips the digest when the
 * password is empty, so that an empty one must not get here). Private keys may have passwords of their own and are
 * not opened.
 *
 * @throws MalformedDer, WrongPassword
 */
export function readJks(file: Buffer, password: string): KeyStoreContents {
  const entries = parse(file, password);
  const keys = entries.filter((entry) => 'protectedPrivateKey' in entry);
  return {
    aliases: entries.map((entry) => entry.alias),
    certificates: entries.flatMap((entry) => ('chain' in entry ? entry.chain : [entry.cert])).map((each) => each.value),
    privateKeys: keys.length,
    secretKeys: 0,
    isPasswordProven: true,
  };
}

function parse(file: Buffer, password: string): ReturnType<typeof jks.parseJks> {
  try {
    return jks.parseJks(file, password);
  } catch (error) {
    // The library tells its failures apart by their texts only.
    const isDigest = error instanceof Error && error.message === 'Password verification failed';
    throw isDigest ? new WrongPassword() : new MalformedDer();
  }
}
