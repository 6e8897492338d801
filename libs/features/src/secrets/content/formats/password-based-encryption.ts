import { createDecipheriv, hash, pbkdf2 } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import forge from 'node-forge';
import { DerValue, MalformedDer } from './der.js';

/** The file asks for an algorithm that Claviger does not have. */
export class UnsupportedAlgorithm extends Error {}
/** Opening the file would take too many rounds of key derivation. */
export class TooExpensive extends Error {}
/** What came out is no plaintext: the password is wrong, or the file damaged. */
export class WrongPassword extends Error {}

/** Rounds of key derivation that are spent on one file: ten times what Java's most careful defaults add up to. */
export const MAX_ROUNDS = 1_000_000;

/** Counts rounds over all parts of a file, whose author chooses their number. */
export class RoundBudget {
  #left = MAX_ROUNDS;

  /** @throws TooExpensive */
  spend(rounds: number): void {
    if (rounds < 1) throw new MalformedDer();
    this.#left -= rounds;
    if (this.#left < 0) throw new TooExpensive();
  }
}

const PBES2 = '1.2.840.113549.1.5.13';
const PBKDF2 = '1.2.840.113549.1.5.12';
const SCRYPT = '1.3.6.1.4.1.11591.4.11';

/** PBKDF2's pseudo-random functions (RFC 8018, B.1.2). */
const PRF_HASHES: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};

type Cipher = { readonly name: string; readonly keyBytes: number };

const PBES2_CIPHERS: Readonly<Record<string, Cipher>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyBytes: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyBytes: 32 },
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyBytes: 24 },
};

/** RFC 7292, appendix C. OpenSSL 3 keeps RC2 in a provider that Node does not load, so that forge decrypts it. */
const PKCS12_CIPHERS: Readonly<Record<string, Cipher>> = {
  '1.2.840.113549.1.12.1.3': { name: 'des-ede3-cbc', keyBytes: 24 },
  '1.2.840.113549.1.12.1.4': { name: 'des-ede-cbc', keyBytes: 16 },
  '1.2.840.113549.1.12.1.5': { name: 'rc2', keyBytes: 16 },
  '1.2.840.113549.1.12.1.6': { name: 'rc2', keyBytes: 5 },
};

/**
 * How many rounds an AlgorithmIdentifier of a password-based encryption asks for; an scrypt's N × r × p counts alike
 * (both take 0.2 to 0.6 µs each).
 */
export function roundsOf(algorithm: DerValue): number {
  if (algorithm.get(0).oid() !== PBES2) return algorithm.get(1).get(1).integer();
  const kdf = algorithm.get(1).get(0);
  const parameters = kdf.get(1);
  if (kdf.get(0).oid() !== SCRYPT) return parameters.get(1).integer();
  return parameters.get(1).integer() * parameters.get(2).integer() * parameters.get(3).integer();
}

/**
 * Decrypts what an AlgorithmIdentifier says how it was encrypted: PBES2 with PBKDF2, or the schemes of PKCS #12. The
 * work is done in the thread pool or in slices, so that other requests go on meanwhile.
 * @throws MalformedDer, UnsupportedAlgorithm, TooExpensive, WrongPassword
 */
export async function decryptWithPassword(
  algorithm: DerValue,
  ciphertext: Buffer,
  { password, budget }: { readonly password: string; readonly budget: RoundBudget },
): Promise<Buffer> {
  const oid = algorithm.get(0).oid();
  budget.spend(roundsOf(algorithm));
  if (oid === PBES2) return decryptPbes2(algorithm.get(1), ciphertext, password);
  const cipher = PKCS12_CIPHERS[oid];
  if (cipher === undefined) throw new UnsupportedAlgorithm();
  const derivation = { hash: 'sha1', password, salt: algorithm.get(1).get(0).octets(), rounds: roundsOf(algorithm) };
  const key = await deriveFromPassword({ ...derivation, purpose: 'key', length: cipher.keyBytes });
  const iv = await deriveFromPassword({ ...derivation, purpose: 'iv', length: 8 });
  return cipher.name === 'rc2' ? decryptRc2(key, iv, ciphertext) : decrypt(cipher, { key, iv }, ciphertext);
}

async function decryptPbes2(parameters: DerValue, ciphertext: Buffer, password: string): Promise<Buffer> {
  const kdf = parameters.get(0);
  if (kdf.get(0).oid() !== PBKDF2) throw new UnsupportedAlgorithm();
  const derivation = kdf.get(1);
  const [, , ...optional] = derivation.children; // a key length, then the pseudo-random function
  const prf = optional
    .find((each) => !each.isInteger)
    ?.get(0)
    .oid();
  const prfHash = prf === undefined ? 'sha1' : PRF_HASHES[prf];
  const scheme = parameters.get(1);
  const cipher = PBES2_CIPHERS[scheme.get(0).oid()];
  if (cipher === undefined || prfHash === undefined) throw new UnsupportedAlgorithm();
  const key = await promisify(pbkdf2)(
    password,
    derivation.get(0).octets(),
    derivation.get(1).integer(),
    cipher.keyBytes,
    prfHash,
  );
  return decrypt(cipher, { key, iv: scheme.get(1).octets() }, ciphertext);
}

function decrypt(cipher: Cipher, secret: { key: Buffer; iv: Buffer }, ciphertext: Buffer): Buffer {
  try {
    const decipher = createDecipheriv(cipher.name, secret.key, secret.iv);
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  } catch {
    throw new WrongPassword();
  }
}

function decryptRc2(key: Buffer, iv: Buffer, ciphertext: Buffer): Buffer {
  const decipher = forge.rc2.createDecryptionCipher(key.toString('latin1'), key.length * 8);
  decipher.start(iv.toString('latin1'));
  decipher.update(forge.util.createBuffer(ciphertext.toString('latin1')));
  if (!decipher.finish()) throw new WrongPassword();
  return Buffer.from(decipher.output.getBytes(), 'latin1');
}

const PURPOSE_IDS = { key: 1, iv: 2, mac: 3 } as const;
/** Rounds between two looks at the event loop: about two milliseconds. */
const SLICE = 2000;

/**
 * PKCS #12's own key derivation (RFC 7292, appendix B.2). Node has none, and forge's would hold up the process for as
 * long as half a second with the defaults of older Javas.
 */
export async function deriveFromPassword(options: {
  readonly hash: string;
  readonly purpose: keyof typeof PURPOSE_IDS;
  readonly password: string;
  readonly salt: Buffer;
  readonly rounds: number;
  readonly length: number;
}): Promise<Buffer> {
  const block = /384|512/.test(options.hash) ? 128 : 64;
  const diversifier = Buffer.alloc(block, PURPOSE_IDS[options.purpose]);
  // A BMPString with its terminator: big-endian UTF-16.
  const password = Buffer.from(`${options.password}\0`, 'utf16le').swap16();
  const input = Buffer.concat([repeat(options.salt, block), repeat(password, block)]);
  const output: Buffer[] = [];
  for (let length = 0; length < options.length; length += output.at(-1)!.length) {
    let digest = Buffer.concat([diversifier, input]);
    for (let round = 1; round <= options.rounds; round++) {
      digest = hash(options.hash, digest, 'buffer');
      if (round % SLICE === 0) await setImmediate();
    }
    output.push(digest);
    const addend = repeat(digest, block).subarray(0, block);
    for (let at = 0; at < input.length; at += block) addOne(input.subarray(at, at + block), addend);
  }
  return Buffer.concat(output).subarray(0, options.length);
}

/** The bytes again and again, up to a whole number of blocks. */
function repeat(bytes: Buffer, block: number): Buffer {
  return Buffer.alloc(Math.ceil(bytes.length / block) * block, bytes.length === 0 ? undefined : bytes);
}

/** `target` + `addend` + 1, as big-endian integers of one block, in place. */
function addOne(target: Buffer, addend: Buffer): void {
  let carry = 1;
  for (let at = target.length - 1; at >= 0; at--) {
    carry += target[at]! + addend[at]!;
    target[at] = carry & 0xff;
    carry >>= 8;
  }
}
