// npm run demo: the main job of Claviger, end to end, as a person would read it.
//   --url URL --token-file FILE   use a running Claviger instead of a private one
// An OpenBao is used where one is found: a `bao` program, or CLAVIGER_DEMO_BAO_ADDR with CLAVIGER_DEMO_BAO_TOKEN.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { findBao, startBao, startClaviger } from './processes.mjs';
import { say } from './screen.mjs';
import { tellStory } from './story.mjs';

const { values } = parseArgs({ options: { url: { type: 'string' }, 'token-file': { type: 'string' } } });
if ((values.url === undefined) !== (values['token-file'] === undefined)) {
  process.stderr.write('Give --url and --token-file together, or neither for a private Claviger.\n');
  process.exit(2);
}

const stops = [];
const suffix = Date.now().toString(36);
try {
  const bao = await openBao();
  const vaults = bao ? await openBaoVaults(bao) : builtinVaults();
  if (!bao) say('No OpenBao was found; the demo uses the built-in vault twice. (npm test installs one into .peers/.)');
  const claviger = await openClaviger();
  say(`Claviger at ${claviger.url}`);
  await tellStory(claviger, vaults);
  say();
  say('Done. Nothing of the demo is left behind.');
} catch (error) {
  process.stderr.write(`\nThe demo failed: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  for (const stop of stops.reverse()) await stop();
}

async function openClaviger() {
  if (values.url) return { url: values.url, token: readFileSync(values['token-file'], 'utf8').trim() };
  const claviger = await startClaviger();
  stops.push(() => claviger.stop());
  return claviger;
}

async function openBao() {
  const address = process.env.CLAVIGER_DEMO_BAO_ADDR;
  if (address) return { address, token: process.env.CLAVIGER_DEMO_BAO_TOKEN ?? '' };
  const program = findBao();
  if (!program) return undefined;
  const bao = await startBao(program);
  stops.push(() => bao.stop());
  return bao;
}

async function openBaoVaults({ address, token }) {
  const ask = async (method, path, body) => {
    const response = await fetch(`${address}/v1/${path}`, {
      method,
      headers: { 'x-vault-token': token },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`OpenBao at ${address} answered ${response.status} to ${method} ${path}.`);
    return response.status === 204 ? undefined : (await response.json()).data;
  };
  const mounts = [
    { name: `demo-v2-${suffix}`, version: '2' },
    { name: `demo-v1-${suffix}`, version: '1' },
  ];
  for (const { name, version } of mounts) {
    await ask('POST', `sys/mounts/${name}`, { type: 'kv', options: { version } });
    stops.push(() => ask('DELETE', `sys/mounts/${name}`));
  }
  const instance = `openbao-${suffix}`;
  const isV2 = (profile) => profile === mounts[0].name;
  return {
    title: 'an OpenBao, with two mounts: KV version 2 and version 1',
    instances: [{ name: instance, kind: 'kv', config: { address }, credentials: { type: 'token', token } }],
    profiles: mounts.map(({ name }) => ({ name, instance, mount: name })),
    async look(profile, name) {
      const data = await ask('GET', isV2(profile) ? `${profile}/data/${name}` : `${profile}/${name}`);
      return isV2(profile) ? data?.data : data;
    },
    forge: (profile, name) => ask('POST', `${profile}/${name}`, { username: 'payments', password: 'forged' }),
  };
}

function builtinVaults() {
  const instance = `builtin-${suffix}`;
  return {
    title: 'the built-in vault, with two mounts',
    instances: [{ name: instance, kind: 'builtin' }],
    profiles: ['a', 'b'].map((mount) => ({
      name: `demo-${mount}-${suffix}`,
      instance,
      mount: `demo-${mount}-${suffix}`,
    })),
  };
}
