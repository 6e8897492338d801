import type { VaultCapabilities } from './capabilities.js';
import type { AdapterCall, ReadAnswer, VaultAdapter } from './vault-adapter.js';
import { isAboutOneObject, isVaultError } from './vault-error.js';

/** Objects that are read one at a time: so many at the same time. */
const READ_AT_ONCE = 4;

type Readable = { readonly adapter: VaultAdapter; readonly capabilities: Pick<VaultCapabilities, 'maxBulkRead'> };

/**
 * The current contents of any number of objects, in the order of their names: by bulk reads where the vault has them,
 * else one at a time, a few of them together. No more contents are held than one such read gives. What is wrong with one
 * object is the error of its answer.
 * @throws VaultError for what is wrong with all of them ({@link isAboutOneObject}); then nothing more is asked
 */
export async function* readObjects(
  vault: Readable,
  call: AdapterCall,
  names: readonly string[],
): AsyncGenerator<ReadAnswer, void, undefined> {
  const { maxBulkRead } = vault.capabilities;
  let isBulk = maxBulkRead !== undefined && maxBulkRead > 1;
  for (let from = 0; from < names.length;) {
    const batch = names.slice(from, from + (isBulk ? maxBulkRead! : READ_AT_ONCE));
    // One is asked for as any other read, of which vaults allow more.
    const answers =
      isBulk && batch.length > 1 ? await readBatch(vault, call, batch) : await readEach(vault, call, batch);
    if (answers) {
      from += batch.length;
      yield* answers;
    } else isBulk = false;
  }
}

/** Undefined where the credentials may not read in bulk; whether they may read, single reads tell. */
async function readBatch(
  vault: Readable,
  call: AdapterCall,
  names: readonly string[],
): Promise<readonly ReadAnswer[] | undefined> {
  try {
    return await vault.adapter.readMany(call, names);
  } catch (error) {
    if (isVaultError(error, 'PERMISSION_DENIED')) return undefined;
    throw error;
  }
}

function readEach(vault: Readable, call: AdapterCall, names: readonly string[]): Promise<readonly ReadAnswer[]> {
  return Promise.all(names.map((name) => readOne(vault, call, name)));
}

async function readOne({ adapter }: Readable, call: AdapterCall, name: string): Promise<ReadAnswer> {
  try {
    return { name, found: await adapter.read(call, name) };
  } catch (error) {
    if (!isVaultError(error) || !isAboutOneObject(error)) throw error;
    return { name, error };
  }
}
