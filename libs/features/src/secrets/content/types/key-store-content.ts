import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { ContentProblem } from '../content.errors.js';
import { factText, factTexts, MAX_LISTED, type CertificateFacts } from '../content-facts.js';
import { BASE64_RULE, decodeBase64 } from '../formats/base64.js';
import type { KeyStoreContents } from '../formats/key-store-contents.js';
import { defineContent, fields, text } from './content-definition.js';

const FORMATS = ['PKCS12', 'JKS'] as const;
type Format = (typeof FORMATS)[number];

/** A key store file that opens with its password. Facts list aliases and certificates; keys never leave the readers. */
export const keyStore = defineContent(
  fields({ type: z.enum(FORMATS, `must be ${FORMATS.join(' or ')}`), content: text, password: text }),
  async ({ type, content, password }) => {
    const file = decodeBase64(content);
    if (file === undefined) throw new ContentProblem('content', BASE64_RULE);
    refuseOtherFormat(type, file);
    const contents = await open(type, file, password);
    const certificates = contents.certificates.map(certificateFacts).toSorted(byExpiry);
    const expiresAt = certificates[0]?.notAfter;
    return {
      facts: {
        ...(expiresAt !== undefined && { expiresAt }),
        keyStore: {
          format: type,
          aliases: factTexts(contents.aliases.toSorted()),
          certificates: certificates.slice(0, MAX_LISTED),
          privateKeys: contents.privateKeys,
          secretKeys: contents.secretKeys,
        },
      },
      warnings: contents.isPasswordProven
        ? []
        : ['The key store is neither encrypted nor authenticated: any password opens it.'],
    };
  },
);

const JKS_MAGIC = 0xfeedfeed;
const JCEKS_MAGIC = 0xcececece;
const DER_SEQUENCE = 0x30;

/** Names the format that the file has instead of the one it is said to have. */
function refuseOtherFormat(type: Format, file: Buffer): void {
  const magic = file.length < 4 ? 0 : file.readUInt32BE();
  if (magic === JCEKS_MAGIC) {
    throw new ContentProblem(
      'content',
      'is a JCEKS key store; convert it (`keytool -importkeystore -srcstoretype JCEKS -deststoretype PKCS12 …`)',
    );
  }
  if (type === 'PKCS12' && magic === JKS_MAGIC)
    throw new ContentProblem('type', 'must be "JKS": that is what the content is');
  if (type === 'JKS' && file[0] === DER_SEQUENCE) {
    throw new ContentProblem('type', 'must be "PKCS12": the content is no JKS key store but looks like that');
  }
  if (type === 'JKS' ? magic !== JKS_MAGIC : file[0] !== DER_SEQUENCE) {
    throw new ContentProblem(
      'content',
      `is no ${type} file in base64; store the key store file itself, in binary, encoded`,
    );
  }
}

async function open(type: Format, file: Buffer, password: string): Promise<KeyStoreContents> {
  // Loaded on first use: with node-forge and jks-js they take 50 ms and 9 MB that most processes never need.
  const encryption = await import('../formats/password-based-encryption.js');
  try {
    if (type === 'JKS') return (await import('../formats/jks-reader.js')).readJks(file, password);
    return await (await import('../formats/pkcs12-reader.js')).readPkcs12(file, password);
  } catch (error) {
    if (error instanceof encryption.WrongPassword) {
      throw new ContentProblem('password', 'does not open the key store (or the file is damaged)');
    }
    if (error instanceof encryption.TooExpensive) {
      throw new ContentProblem(
        'content',
        `takes more than ${encryption.MAX_ROUNDS} rounds of key derivation to open; export it with fewer iterations`,
      );
    }
    if (error instanceof encryption.UnsupportedAlgorithm) {
      throw new ContentProblem(
        'content',
        'uses an encryption or MAC that Claviger cannot open; export it with AES-256 and HMAC-SHA-256 (the default of OpenSSL 3 and Java 17)',
      );
    }
    throw new ContentProblem('content', `is damaged: it has the beginning of a ${type} file but not its structure`);
  }
}

/** ISO 8601 texts in UTC sort as the times do. */
const byExpiry = (a: CertificateFacts, b: CertificateFacts): number => (a.notAfter < b.notAfter ? -1 : 1);

function certificateFacts(der: Buffer): CertificateFacts {
  try {
    const certificate = new X509Certificate(der);
    return {
      subject: factText(certificate.subject.replaceAll('\n', ', ')),
      notAfter: new Date(certificate.validTo).toISOString(),
    };
  } catch {
    throw new ContentProblem('content', 'holds a certificate that cannot be read');
  }
}
