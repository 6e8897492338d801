import type { VaultError } from '@claviger/vaults/contract';
import { z } from 'zod';
import { parseAnswer, type KvFlavour, type KvMount } from './kv.engine.js';
import { answerError, kvError } from './kv.errors.js';
import { vaultPath } from './kv.path.js';
import type { KvAnswer, KvTask } from './kv.wire.js';

const mountSchema = z.object({
  type: z.string(),
  options: z.object({ version: z.union([z.string(), z.number()]).optional() }).nullish(),
});
const preflightSchema = z.object({ data: mountSchema.extend({ path: z.string() }) });
const mountsSchema = z.object({ data: z.record(z.string(), z.unknown()) });

/**
 * Which version of the KV engine the mount runs.
 * @throws VaultError MISCONFIGURED: no such mount, another engine, or another version than was set; PERMISSION_DENIED:
 * the credentials may do nothing there, or there is no mount (the server does not tell the two apart)
 */
export async function detectFlavour(mount: KvMount, task: KvTask, wanted: KvFlavour | 'auto'): Promise<KvFlavour> {
  const preflight = await mount.send(task, { method: 'GET', path: vaultPath('sys/internal/ui/mounts', mount.mount) });
  if (preflight.status === 200) {
    const { path, ...found } = parseAnswer(task, preflight, preflightSchema).data;
    if (path !== `${mount.mount}/`) throw notTheMount(task, mount.mount, path);
    return agreed(task, flavourOf(task, found), wanted);
  }
  // A server without this route (some offer only the KV paths) leaves what was set by hand to be trusted.
  if (wanted !== 'auto' && preflight.status < 500 && preflight.status !== 429) return wanted;
  if (preflight.status !== 403) throw answerError(task, preflight);
  return agreed(task, await askMounts(mount, task, preflight), wanted);
}

/** The list of all mounts tells "no such mount" from "no permission", for credentials that may see it. */
async function askMounts(mount: KvMount, task: KvTask, preflight: KvAnswer): Promise<KvFlavour> {
  const answer = await mount.send(task, { method: 'GET', path: vaultPath('sys/mounts') });
  if (answer.status === 403) throw answerError(task, preflight);
  if (answer.status !== 200) throw answerError(task, answer);
  const found = mountSchema.safeParse(parseAnswer(task, answer, mountsSchema).data[`${mount.mount}/`]).data;
  if (!found) throw kvError(task, 'MISCONFIGURED', 'the vault has no such mount; check mount and namespace');
  return flavourOf(task, found);
}

function flavourOf(task: KvTask, found: z.infer<typeof mountSchema>): KvFlavour {
  if (found.type !== 'kv' && found.type !== 'generic') {
    throw kvError(task, 'MISCONFIGURED', `the mount runs the engine ${JSON.stringify(found.type)}, not KV`);
  }
  return String(found.options?.version ?? '1') === '2' ? 'kv2' : 'kv1';
}

function agreed(task: KvTask, found: KvFlavour, wanted: KvFlavour | 'auto'): KvFlavour {
  if (wanted === 'auto' || wanted === found) return found;
  throw kvError(task, 'MISCONFIGURED', `the mount is ${found}, and ${wanted} is set; set ${found} or auto`);
}

function notTheMount(task: KvTask, mount: string, path: string): VaultError {
  const real = path.replace(/\/$/, '');
  const prefix = mount.startsWith(path) ? ` with the prefix ${JSON.stringify(mount.slice(path.length))}` : '';
  return kvError(task, 'MISCONFIGURED', `this is no mount; use the mount ${JSON.stringify(real)}${prefix}`);
}
