import { describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import type { VaultErrorCode } from '@claviger/vaults/contract';
import { answerError, isCasRequired, isVersionConflict } from './kv.errors.js';
import type { KvAnswer, KvTask } from './kv.wire.js';

const task: KvTask = {
  call: { requestId: 'r', signal: new AbortController().signal },
  operation: 'put',
  subject: '"a/b" in mount "kv"',
};

function answer(status: number, body: unknown, headers: KvAnswer['headers'] = {}): KvAnswer {
  return { status, headers, body: new SecretValue(typeof body === 'string' ? body : JSON.stringify(body)) };
}

const vault = (status: number, ...errors: readonly string[]): KvAnswer => answer(status, { errors });
const html = (status: number): KvAnswer => answer(status, '<html><body>canary</body></html>');

const TABLE: readonly (readonly [string, KvAnswer, VaultErrorCode, outcomeUnknown?: boolean])[] = [
  ['400', vault(400, 'invalid'), 'INVALID_VALUE'],
  ['400 CAS', vault(400, 'check-and-set parameter did not match the current version'), 'VERSION_CONFLICT'],
  [
    '400 metadata CAS',
    vault(400, 'metadata check-and-set parameter does not match the current version'),
    'VERSION_CONFLICT',
  ],
  ['400 metadata CAS, new', vault(400, 'metadata_cas must be 0 when creating new metadata'), 'VERSION_CONFLICT'],
  ['400 CAS required', vault(400, 'check-and-set parameter required for this call'), 'INVALID_STATE'],
  [
    '400 upgrading',
    vault(400, 'Upgrading from non-versioned to versioned data. This backend will be …'),
    'UNAVAILABLE',
  ],
  [
    '400 strings',
    vault(400, 'refused JSON input due to high complexity: exceeded maximum number of strings'),
    'TOO_LARGE',
  ],
  ['400 of this Claviger itself', answer(400, { status: 400, code: 'VAULT_LOOP', detail: 'x' }), 'MISCONFIGURED'],
  ['400 not of a vault', answer(400, 'Client sent an HTTP request to an HTTPS server.\n'), 'MISCONFIGURED'],
  ['401', vault(401, 'no'), 'UNAUTHENTICATED'],
  ['403', vault(403, 'permission denied'), 'PERMISSION_DENIED'],
  ['403 of a firewall', html(403), 'MISCONFIGURED'],
  ['404 no mount', vault(404, 'no handler for route "x". route entry not found.'), 'MISCONFIGURED'],
  ['404 of a web server', html(404), 'MISCONFIGURED'],
  [
    '404 invalid path for version 2',
    answer(404, { request_id: 'x', data: null, warnings: ['Invalid path'] }),
    'MISCONFIGURED',
  ],
  ['405', vault(405, 'unsupported operation'), 'UNSUPPORTED'],
  ['408', html(408), 'UNAVAILABLE', true],
  ['412', vault(412, 'required index state not present'), 'UNAVAILABLE'],
  ['413', vault(413, 'http: request body too large'), 'TOO_LARGE'],
  ['429', vault(429, 'rate limit quota exceeded'), 'THROTTLED'],
  ['429 of a proxy', html(429), 'THROTTLED'],
  ['472', vault(472), 'UNAVAILABLE'],
  ['500', vault(500, 'internal error'), 'UNAVAILABLE', true],
  [
    '500 too large',
    vault(500, '1 error occurred:\n\t* put failed due to value being too large; got 1 bytes\n\n'),
    'TOO_LARGE',
  ],
  ['500 of a proxy', html(500), 'UNAVAILABLE', true],
  ['501', vault(501), 'MISCONFIGURED'],
  ['502 of a proxy', html(502), 'UNAVAILABLE', true],
  ['503 sealed', vault(503, 'Vault is sealed'), 'SEALED'],
  ['503 namespace sealed', vault(503, 'namespace is sealed'), 'SEALED'],
  ['503', vault(503, 'node is not active'), 'UNAVAILABLE'],
  ['503 of a load balancer', html(503), 'UNAVAILABLE', true],
  ['504', html(504), 'UNAVAILABLE', true],
  ['200 in place of 204', answer(200, {}), 'MISCONFIGURED', true],
  ['204 in place of 200', answer(204, ''), 'MISCONFIGURED', true],
  ['418', vault(418, 'x'), 'MISCONFIGURED'],
];

describe('answerError', () => {
  it.each(TABLE)('translates %s', (_, given, code, outcomeUnknown = false) => {
    const error = answerError(task, given, { mutates: true });
    expect([error.vaultCode, error.outcomeUnknown]).toEqual([code, outcomeUnknown]);
    expect(error).toMatchObject({ backend: 'kv', operation: 'put', httpStatus: given.status });
    expect(error.message).toMatch(/^"a\/b" in mount "kv": .*\.$/);
    expect(error.message).not.toContain('canary');
    expect(answerError(task, given).outcomeUnknown).toBe(false);
  });

  it.each([
    ['http://127.0.0.1:1', 'http://127.0.0.1:1: '],
    ['mount "kv"', 'Mount "kv": '],
  ])('begins a sentence about %s, and leaves addresses as they are', (subject, begins) => {
    expect(answerError({ ...task, subject }, vault(401)).message).toMatch(new RegExp(`^${begins}`));
  });

  it('says that the address is that of this Claviger itself', () => {
    const refused = answer(400, { status: 400, code: 'VAULT_LOOP' });
    expect(answerError(task, refused).message).toContain('leads back to this Claviger itself');
    expect(answerError(task, answer(400, { code: 'ELSE' })).message).toContain('something that is not a vault');
  });

  it('tells how long to wait', () => {
    const throttled = answer(429, { errors: ['x'] }, { 'retry-after': '7' });
    expect(answerError(task, throttled).retryAfterMs).toBe(7000);
  });
});

describe('isVersionConflict and isCasRequired', () => {
  it('tell the two apart', () => {
    const conflict = vault(400, 'check-and-set parameter did not match the current version');
    const required = vault(400, 'check-and-set parameter required for this call');
    expect([isVersionConflict(conflict), isCasRequired(conflict)]).toEqual([true, false]);
    expect([isVersionConflict(required), isCasRequired(required)]).toEqual([false, true]);
    expect(isVersionConflict(vault(500, 'check-and-set parameter did not match'))).toBe(false);
  });
});
