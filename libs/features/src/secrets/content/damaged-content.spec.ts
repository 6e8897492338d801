import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { AppError } from '@claviger/kernel';
import { parseContent } from '@claviger/vaults/contract';
import fc from 'fast-check';
import type { SecretType } from './secret-type.js';
import { validateContent } from './validate-content.js';

type Content = Readonly<Record<string, string>>;

const folder = join(dirname(fileURLToPath(import.meta.url)), 'fixtures');

function acceptedContents(type: SecretType): readonly Content[] {
  const { accepted } = JSON.parse(readFileSync(join(folder, `${type}.json`), 'utf8')) as {
    accepted: { text: string }[];
  };
  return accepted.map(({ text }) => JSON.parse(text) as Content);
}

/** Whatever is wrong, it is a refusal that names a field: no other error, no crash. */
async function expectJudged(type: SecretType, content: Content): Promise<void> {
  try {
    await validateContent(type, parseContent(JSON.stringify(content)));
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(error.code).toBe('CONTENT_NOT_OF_TYPE');
    expect(error.cause).toBeUndefined();
  }
}

type Damage = { readonly at: number; readonly cut: number; readonly put: readonly number[] };

const damage: fc.Arbitrary<Damage> = fc.record({
  at: fc.nat(),
  cut: fc.oneof({ weight: 4, arbitrary: fc.nat({ max: 3 }) }, fc.nat({ max: 5000 })),
  put: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 3 }),
});

function damaged(bytes: Buffer, { at, cut, put }: Damage): Buffer {
  const start = at % (bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(put), bytes.subarray(start + cut)]);
}

describe('damaged content', () => {
  it('is judged: key stores with wrong bytes', async () => {
    const stores = acceptedContents('key-store');
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...stores), damage, (store, how) =>
        expectJudged('key-store', {
          ...store,
          content: damaged(Buffer.from(store['content']!, 'base64'), how).toString('base64'),
        }),
      ),
      { numRuns: 80 },
    );
  });

  it.each(['private-key', 'jwt', 'secret-key'] as const)(
    'is judged: %s content with wrong characters',
    async (type) => {
      const field = { 'private-key': 'privateKey', jwt: 'token', 'secret-key': 'key' }[type];
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...acceptedContents(type)), damage, (content, how) =>
          expectJudged(type, { ...content, [field]: damaged(Buffer.from(content[field]!), how).toString('latin1') }),
        ),
        { numRuns: 300 },
      );
    },
  );

  it('is judged: any DER that calls itself a PKCS12', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const body = Buffer.concat([Buffer.from([0x02, 0x01, 0x03]), Buffer.from(bytes)]);
        const file = Buffer.concat([Buffer.from([0x30, 0x81, body.length]), body]);
        return expectJudged('key-store', { type: 'PKCS12', password: 'p', content: file.toString('base64') });
      }),
      { numRuns: 300 },
    );
  });

  it('does not harm what is judged after it', async () => {
    const good = acceptedContents('private-key')[0]!;
    for (const other of acceptedContents('private-key').filter((each) => each['publicKey'] !== undefined)) {
      await expectJudged('private-key', { ...good, publicKey: other['publicKey']! });
      await validateContent('private-key', parseContent(JSON.stringify(good)));
    }
  });
});
