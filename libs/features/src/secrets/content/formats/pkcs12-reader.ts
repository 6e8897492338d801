import { createHmac, timingSafeEqual } from 'node:crypto';
import type { KeyStoreContents } from './key-store-contents.js';
import { DerValue, MalformedDer } from './der.js';
import {
  decryptWithPassword,
  deriveFromPassword,
  RoundBudget,
  UnsupportedAlgorithm,
  WrongPassword,
} from './password-based-encryption.js';

const DATA = '1.2.840.113549.1.7.1';
const ENCRYPTED_DATA = '1.2.840.113549.1.7.6';
const FRIENDLY_NAME = '1.2.840.113549.1.9.20';
const X509_CERTIFICATE = '1.2.840.113549.1.9.22.1';

const BAG = '1.2.840.113549.1.12.10.1';
const KEY_BAG = `${BAG}.1`;
const SHROUDED_KEY_BAG = `${BAG}.2`;
const CERTIFICATE_BAG = `${BAG}.3`;
const SECRET_BAG = `${BAG}.5`;
const NESTED_BAGS = `${BAG}.6`;

const MAC_HASHES: Readonly<Record<string, { readonly name: string; readonly bytes: number }>> = {
  '1.3.14.3.2.26': { name: 'sha1', bytes: 20 },
  '2.16.840.1.101.3.4.2.4': { name: 'sha224', bytes: 28 },
  '2.16.840.1.101.3.4.2.1': { name: 'sha256', bytes: 32 },
  '2.16.840.1.101.3.4.2.2': { name: 'sha384', bytes: 48 },
  '2.16.840.1.101.3.4.2.3': { name: 'sha512', bytes: 64 },
};

/** Fills up while the file is walked. */
type Reading = {
  readonly password: string;
  readonly budget: RoundBudget;
  readonly aliases: Set<string>;
  readonly certificates: Buffer[];
  privateKeys: number;
  secretKeys: number;
  isPasswordProven: boolean;
};

/**
 * Opens a PKCS #12 file (RFC 7292) with its password: checks the MAC, decrypts every part and every private key, and
 * lists what is inside. node:crypto has no reader for it; node-forge has one, but it gives up on Java's secret keys and on
 * passwords beyond ASCII, and lets the file's author choose how long the process stands still. So this walks the structure
 * over forge's ASN.1 parser and node:crypto.
 *
 * @throws MalformedDer, UnsupportedAlgorithm, TooExpensive, WrongPassword
 */
export async function readPkcs12(file: Buffer, password: string): Promise<KeyStoreContents> {
  const pfx = DerValue.parse(file);
  if (pfx.get(0).integer() !== 3) throw new MalformedDer();
  const authenticatedSafe = contentOf(pfx.get(1), DATA).octets();
  const reading: Reading = {
    password,
    budget: new RoundBudget(),
    aliases: new Set(),
    certificates: [],
    privateKeys: 0,
    secretKeys: 0,
    isPasswordProven: false,
  };
  const mac = pfx.find(2);
  if (mac !== undefined) await checkMac(mac, authenticatedSafe, reading);
  for (const part of DerValue.parse(authenticatedSafe).children) await readPart(part, reading);
  const { certificates, privateKeys, secretKeys, isPasswordProven } = reading;
  return { aliases: [...reading.aliases], certificates, privateKeys, secretKeys, isPasswordProven };
}

/** The content of a ContentInfo that must be of one kind. */
function contentOf(contentInfo: DerValue, type: string): DerValue {
  if (contentInfo.get(0).oid() !== type) throw new UnsupportedAlgorithm();
  return contentInfo.get(1).get(0);
}

async function checkMac(mac: DerValue, authenticatedSafe: Buffer, reading: Reading): Promise<void> {
  const digestInfo = mac.get(0);
  const hash = MAC_HASHES[digestInfo.get(0).get(0).oid()];
  if (hash === undefined) throw new UnsupportedAlgorithm();
  const rounds = mac.find(2)?.integer() ?? 1;
  reading.budget.spend(rounds);
  const key = await deriveFromPassword({
    hash: hash.name,
    purpose: 'mac',
    password: reading.password,
    salt: mac.get(1).octets(),
    rounds,
    length: hash.bytes,
  });
  const expected = digestInfo.get(1).octets();
  const actual = createHmac(hash.name, key).update(authenticatedSafe).digest();
  if (expected.length !== actual.length || !timingSafeEqual(expected, actual)) throw new WrongPassword();
  reading.isPasswordProven = true;
}

async function readPart(part: DerValue, reading: Reading): Promise<void> {
  if (part.get(0).oid() === DATA) return readBags(DerValue.parse(contentOf(part, DATA).octets()), reading);
  const encrypted = contentOf(part, ENCRYPTED_DATA).get(1);
  await readBags(await openDer(encrypted.get(1), encrypted.get(2).octets(), reading), reading);
}

async function readBags(bags: DerValue, reading: Reading): Promise<void> {
  for (const bag of bags.children) await readBag(bag, reading);
}

async function readBag(bag: DerValue, reading: Reading): Promise<void> {
  const value = bag.get(1).get(0);
  const name = friendlyName(bag);
  switch (bag.get(0).oid()) {
    case SHROUDED_KEY_BAG:
      await openDer(value.get(0), value.get(1).octets(), reading);
      reading.privateKeys++;
      break;
    case KEY_BAG:
      reading.privateKeys++;
      break;
    case SECRET_BAG:
      reading.secretKeys++;
      break;
    case CERTIFICATE_BAG:
      if (value.get(0).oid() === X509_CERTIFICATE) reading.certificates.push(value.get(1).get(0).octets());
      break;
    case NESTED_BAGS:
      return readBags(value, reading);
    default:
      return;
  }
  if (name !== undefined) reading.aliases.add(name);
}

/** Decrypts ASN.1. That it is ASN.1 confirms a password which the padding alone lets pass once in 256 times. */
async function openDer(algorithm: DerValue, ciphertext: Buffer, reading: Reading): Promise<DerValue> {
  const plaintext = await decryptWithPassword(algorithm, ciphertext, reading);
  try {
    const value = DerValue.parse(plaintext);
    reading.isPasswordProven = true;
    return value;
  } catch {
    throw new WrongPassword();
  }
}

function friendlyName(bag: DerValue): string | undefined {
  const attribute = bag.find(2)?.children.find((each) => each.get(0).oid() === FRIENDLY_NAME);
  return attribute?.get(1).find(0)?.text();
}
