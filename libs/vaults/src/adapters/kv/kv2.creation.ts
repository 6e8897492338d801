import { SecretValue } from '@claviger/kernel';
import { isNothing, parseAnswer, type KvMount } from './kv.engine.js';
import { answerError, isVersionConflict, kvError } from './kv.errors.js';
import { vaultPath } from './kv.path.js';
import type { KvAnswer, KvTask } from './kv.wire.js';
import { isStrayMark, isUnfinished, metadataSchema, type Kv2Metadata } from './kv2.metadata.js';

/**
 * Makes sure that the object is absent, or unfinished by ourselves, and carries the metadata before it has content.
 * @returns true when this call put the metadata there
 * @throws VaultError ALREADY_EXISTS; PERMISSION_DENIED with `details.lacks` `metadata` when the credentials may not keep
 * metadata: then the caller can create without any
 */
export async function markBeforeWrite(
  mount: KvMount,
  task: KvTask,
  name: string,
  metadata: Readonly<Record<string, string>>,
): Promise<boolean> {
  const isMarking = Object.keys(metadata).length > 0;
  const looked = await look(mount, task, name);
  // Without metadata to keep, cas 0 alone guards the content, and the right to look is not needed.
  if (looked.status === 403 && !isMarking) return false;
  const found = presentIn(task, looked);
  if (found) {
    if (isUnfinished(found, metadata)) return false;
    throw kvError(task, 'ALREADY_EXISTS', 'it exists already');
  }
  if (!isMarking) return false;
  // metadata_cas (OpenBao) refuses when the object got metadata since we looked; Vault ignores it.
  const marked = await write(mount, task, name, { custom_metadata: metadata, metadata_cas: 0 });
  if (marked.status === 204 || marked.status === 200) return true;
  if (!isVersionConflict(marked)) throw metadataError(task, marked);
  const other = presentIn(task, await look(mount, task, name));
  if (other && !isUnfinished(other, metadata)) throw kvError(task, 'ALREADY_EXISTS', 'it exists already');
  return false;
}

/**
 * Takes the metadata that this call has just put there off an object that turned out to be another writer's.
 * `metadata_cas: 0` holds for an object that was created by writing content, so our metadata can land on one that came
 * into being after we looked. Such an object had none of its own, and gets back to that.
 */
export async function unmarkForeign(
  mount: KvMount,
  task: KvTask,
  name: string,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const found = presentIn(task, await look(mount, task, name));
  if (!found || !isStrayMark(found, metadata)) return;
  const answer = await write(mount, task, name, { custom_metadata: {}, metadata_cas: found.current_metadata_version });
  if (answer.status >= 300 && !isVersionConflict(answer)) throw metadataError(task, answer);
}

function look(mount: KvMount, task: KvTask, name: string): Promise<KvAnswer> {
  return mount.send(task, { method: 'GET', path: vaultPath(mount.mount, 'metadata', name) });
}

function presentIn(task: KvTask, answer: KvAnswer): Kv2Metadata | undefined {
  if (isNothing(answer)) return undefined;
  if (answer.status !== 200) throw metadataError(task, answer);
  return parseAnswer(task, answer, metadataSchema).data;
}

function write(mount: KvMount, task: KvTask, name: string, body: Readonly<Record<string, unknown>>): Promise<KvAnswer> {
  const path = vaultPath(mount.mount, 'metadata', name);
  return mount.send(task, { method: 'POST', path, body: new SecretValue(JSON.stringify(body)), mutates: true });
}

function metadataError(task: KvTask, answer: KvAnswer): Error {
  if (answer.status !== 403) return answerError(task, answer, { mutates: true });
  const says = 'the credentials may not read and write metadata; grant it, or create without metadata';
  return kvError(task, 'PERMISSION_DENIED', says, { httpStatus: 403, details: { lacks: 'metadata' } });
}
