import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { z } from 'zod';
import { ContentProblem } from '../content.errors.js';
import type { PrivateKeyFacts } from '../content-facts.js';
import { defineContent, fields, text } from './content-definition.js';

const schema = fields({ privateKey: text, passphrase: text.optional(), publicKey: text.optional() });
type PrivateKey = z.output<typeof schema>;

/** A private key in PEM that OpenSSL loads; a public key beside it must be its own. */
export const privateKey = defineContent(schema, async (content) => {
  const encrypted = await checkPem(content);
  const key = load(content, encrypted);
  const publicKeyMatches = content.publicKey === undefined ? undefined : matches(key, content.publicKey);
  return {
    facts: { privateKey: { ...keyFacts(key), encrypted, ...(publicKeyMatches && { publicKeyMatches }) } },
    warnings:
      content.passphrase !== undefined && !encrypted
        ? ['The private key is not encrypted: its passphrase protects nothing.']
        : [],
  };
});

const ENCRYPTED_PKCS8 = 'ENCRYPTED PRIVATE KEY';
const PRIVATE_LABELS = ['PRIVATE KEY', ENCRYPTED_PKCS8, 'RSA PRIVATE KEY', 'EC PRIVATE KEY', 'DSA PRIVATE KEY'];
/** `openssl ecparam -genkey` and `dsaparam -genkey` write them in front of the key. */
const PARAMETER_LABELS = ['EC PARAMETERS', 'DSA PARAMETERS'];
const PUBLIC_LABELS = ['PUBLIC KEY', 'RSA PUBLIC KEY'];

const labelsOf = (pem: string): readonly string[] =>
  [...pem.matchAll(/-----BEGIN ([A-Z0-9 ]{1,40})-----/g)].map((match) => match[1]!);

/** Checks everything that OpenSSL would not explain; returns whether the key is encrypted. */
async function checkPem({ privateKey: pem, passphrase }: PrivateKey): Promise<boolean> {
  const labels = labelsOf(pem).filter((label) => !PARAMETER_LABELS.includes(label));
  const [label] = labels;
  if (label === undefined)
    throw problem('is not PEM: it must contain -----BEGIN … PRIVATE KEY----- and the lines that follow');
  if (label === 'OPENSSH PRIVATE KEY') {
    throw problem('is in the format of OpenSSH; convert a copy with `ssh-keygen -p -m PKCS8 -f <copy>`');
  }
  if (!PRIVATE_LABELS.includes(label))
    throw problem('is another kind of PEM (such as a public key or a certificate), not a private key');
  if (labels.length > 1) throw problem('holds more than one PEM block; keep the private key only');
  const encrypted = label === ENCRYPTED_PKCS8 || pem.includes('Proc-Type: 4,ENCRYPTED');
  if (encrypted && passphrase === undefined) {
    throw new ContentProblem(
      'passphrase',
      'is missing, and the private key is encrypted; give it, or store the key decrypted',
    );
  }
  if (label === ENCRYPTED_PKCS8) await refuseExpensive(pem);
  return encrypted;
}

/** OpenSSL obeys whatever number of iterations the key's author wrote, and would hold up the process meanwhile. */
async function refuseExpensive(pem: string): Promise<void> {
  // Loaded on first use, as node-forge costs start-up time and memory.
  const [{ DerValue }, { MAX_ROUNDS, roundsOf }] = await Promise.all([
    import('../formats/der.js'),
    import('../formats/password-based-encryption.js'),
  ]);
  const body = pem.split(`-----BEGIN ${ENCRYPTED_PKCS8}-----`)[1]!.split('-----END')[0]!;
  let rounds: number;
  try {
    rounds = roundsOf(DerValue.parse(Buffer.from(body, 'base64')).get(0));
  } catch {
    throw problem('is damaged: it has the frame of an encrypted private key, but not its structure');
  }
  if (rounds > MAX_ROUNDS) {
    throw problem(
      `takes more than ${MAX_ROUNDS} rounds of key derivation to open; encrypt it again with fewer iterations`,
    );
  }
}

function load({ privateKey: key, passphrase }: PrivateKey, encrypted: boolean): KeyObject {
  try {
    // No passphrase unless the label announced encryption, and the cost of it was checked: OpenSSL 3.5 would also decrypt
    // what calls itself a plain PRIVATE KEY.
    return createPrivateKey({ key, passphrase: encrypted ? passphrase : undefined });
  } catch {
    if (encrypted) throw new ContentProblem('passphrase', 'does not open the private key (or the key is damaged)');
    throw problem('cannot be loaded: it is cut off, damaged or of an algorithm that OpenSSL does not know');
  }
}

function matches(key: KeyObject, publicKey: string): true {
  const labels = labelsOf(publicKey);
  // createPublicKey would also take a private key or a certificate and derive the public key from it.
  const isPublic = labels.length === 1 && PUBLIC_LABELS.includes(labels[0]!);
  const parsed = isPublic ? parsePublicKey(publicKey) : undefined;
  if (parsed === undefined) {
    throw new ContentProblem(
      'publicKey',
      'is not a public key in PEM (`openssl pkey -in <private key> -pubout` writes one)',
    );
  }
  // Of different types, equals() would leave an error in OpenSSL's queue, at which the next key to be loaded fails.
  if (key.asymmetricKeyType !== parsed.asymmetricKeyType || !createPublicKey(key).equals(parsed)) {
    throw new ContentProblem('publicKey', 'does not belong to the private key; give the right one or leave it out');
  }
  return true;
}

function parsePublicKey(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}

/** Bits of the encoded public key (RFC 8032, RFC 7748). */
const EDWARDS_BITS: Readonly<Record<string, number>> = { ed25519: 256, ed448: 456, x25519: 256, x448: 448 };

function keyFacts(key: KeyObject): Pick<PrivateKeyFacts, 'algorithm' | 'bits' | 'curve'> {
  const algorithm = key.asymmetricKeyType ?? 'unknown';
  const { modulusLength, namedCurve: curve } = key.asymmetricKeyDetails ?? {};
  const bits = modulusLength ?? EDWARDS_BITS[algorithm] ?? curveBits(curve);
  return { algorithm, ...(bits !== undefined && { bits }), ...(curve !== undefined && { curve }) };
}

/** OpenSSL's names of curves have the field's size in them: secp384r1, prime256v1, brainpoolP512t1. */
function curveBits(curve: string | undefined): number | undefined {
  const digits = /\d{3}/.exec(curve ?? '')?.[0];
  return digits === undefined ? undefined : Number(digits);
}

const problem = (words: string): ContentProblem => new ContentProblem('privateKey', words);
