import type { AdapterOperation, ReadAnswer, VaultError, VaultErrorCode } from '../../contract/index.js';
import { altered, failure, inState, onFailure, textOf, type Mutant, type Mutants } from './mutation.js';
import { CREDENTIAL } from './reference-harness.js';

/** The error of a state reaches reads as this code instead. */
const telling = (operation: AdapterOperation, state: string, code: VaultErrorCode): Mutant =>
  onFailure(operation, inState(state), (error) => {
    throw altered(error, { code });
  });

/** The error of a state is swallowed, and this result given instead. */
const swallowing = (operation: AdapterOperation, state: string, result: unknown): Mutant =>
  onFailure(operation, inState(state), () => result);

/** The error of a state says the opposite about its outcome. */
const misjudging = (operation: AdapterOperation, state: string): Mutant =>
  onFailure(operation, inState(state), (error) => {
    throw altered(error, { outcomeUnknown: !error.outcomeUnknown });
  });

/** Some place in an error into which a secret text slips. */
type Leak = (error: VaultError, secret: string) => VaultError;

const inMessage: Leak = (error, secret) => altered(error, { message: `The vault said no to ${secret}.` });
const inDetails: Leak = (error, secret) => altered(error, { details: { ...error.details, request: { body: secret } } });
const inCause: Leak = (error, secret) => Object.assign(altered(error, {}), { cause: new Error(secret) });
const inBase64: Leak = (error, secret) => inDetails(error, Buffer.from(secret).toString('base64'));
const inUrl: Leak = (error, secret) => inMessage(error, `http://vault/?q=${encodeURIComponent(secret)}`);
const hidden: Leak = (error, secret) =>
  Object.defineProperty(altered(error, {}), 'config', { value: { data: secret } });

const leaking = (operation: AdapterOperation, when: (error: VaultError) => boolean, leak: Leak): Mutant =>
  onFailure(operation, when, (error, args) => {
    throw leak(error, passwordIn(args[1]));
  });

/** The secret that slips: the password of the content, or the credentials where a call carries no content. */
function passwordIn(content: unknown): string {
  if (content === undefined) return CREDENTIAL;
  const fields = JSON.parse(textOf(content)) as { password?: string; a?: string };
  return fields.password ?? fields.a ?? CREDENTIAL;
}

const coded = (code: VaultErrorCode) => (error: VaultError) => error.vaultCode === code;

/** A bulk read takes the error of a state for one about each object. */
const answeringEach =
  (state: string): Mutant =>
  (real) => ({
    readMany: (call, names) =>
      real.readMany(call, names).catch((error: VaultError): readonly ReadAnswer[] => {
        if (!inState(state)(error)) throw error;
        return names.map((name) => ({ name, error }));
      }),
  });

const BULK_READS = {
  'tells bulk reads UNAUTHENTICATED, never an answer, when the credentials are wrong': 'withBadCredentials',
  'tells bulk reads PERMISSION_DENIED, never an answer, when the credentials may not do it': 'withoutPermission',
  'tells bulk reads SEALED, never an answer, when the vault is sealed': 'sealed',
  'tells bulk reads UNAVAILABLE, never an answer, when nothing listens at the address': 'unreachable',
  'tells bulk reads UNAVAILABLE, never an answer, when the server fails': 'failing',
  'tells bulk reads THROTTLED, never an answer, when the vault throttles': 'throttled',
  'tells bulk reads MISCONFIGURED, never an answer, when the mount does not exist': 'missingMount',
};

export const ERROR_MUTANTS: Mutants = {
  ...Object.fromEntries(Object.entries(BULK_READS).map(([name, state]) => [name, answeringEach(state)])),
  'tells reads UNAUTHENTICATED, never NOT_FOUND, when the credentials are wrong': telling(
    'describe',
    'withBadCredentials',
    'PERMISSION_DENIED',
  ),
  'tells lists UNAUTHENTICATED, never an empty page, when the credentials are wrong': swallowing(
    'list',
    'withBadCredentials',
    { names: [], cursor: undefined },
  ),
  'tells writes UNAUTHENTICATED and that they did not apply when the credentials are wrong': misjudging(
    'create',
    'withBadCredentials',
  ),
  'tells deletions UNAUTHENTICATED, never success, when the credentials are wrong': swallowing(
    'purge',
    'withBadCredentials',
    undefined,
  ),
  'keeps content and credentials out of errors when the credentials are wrong': leaking(
    'read',
    inState('withBadCredentials'),
    inMessage,
  ),

  'tells reads PERMISSION_DENIED, never NOT_FOUND, when the credentials may not do it': telling(
    'read',
    'withoutPermission',
    'NOT_FOUND',
  ),
  'tells lists PERMISSION_DENIED, never an empty page, when the credentials may not do it': swallowing(
    'list',
    'withoutPermission',
    { names: [], cursor: undefined },
  ),
  'tells writes PERMISSION_DENIED and that they did not apply when the credentials may not do it': misjudging(
    'put',
    'withoutPermission',
  ),
  'tells deletions PERMISSION_DENIED, never success, when the credentials may not do it': swallowing(
    'destroy',
    'withoutPermission',
    undefined,
  ),
  'keeps content and credentials out of errors when the credentials may not do it': leaking(
    'put',
    inState('withoutPermission'),
    inDetails,
  ),

  'tells reads SEALED, never NOT_FOUND, when the vault is sealed': telling('read', 'sealed', 'UNAVAILABLE'),
  'tells lists SEALED, never an empty page, when the vault is sealed': telling('list', 'sealed', 'NOT_FOUND'),
  'tells writes SEALED and that they did not apply when the vault is sealed': misjudging('create', 'sealed'),
  'tells deletions SEALED, never success, when the vault is sealed': telling('softDelete', 'sealed', 'UNAVAILABLE'),
  'keeps content and credentials out of errors when the vault is sealed': leaking('create', inState('sealed'), inCause),

  'tells reads UNAVAILABLE, never NOT_FOUND, when nothing listens at the address': telling(
    'describe',
    'unreachable',
    'INTERNAL',
  ),
  'tells lists UNAVAILABLE, never an empty page, when nothing listens at the address': swallowing(
    'list',
    'unreachable',
    { names: [], cursor: undefined },
  ),
  'tells writes UNAVAILABLE and that they did not apply when nothing listens at the address': misjudging(
    'put',
    'unreachable',
  ),
  'tells deletions UNAVAILABLE, never success, when nothing listens at the address': telling(
    'purge',
    'unreachable',
    'NOT_FOUND',
  ),
  'keeps content and credentials out of errors when nothing listens at the address': leaking(
    'put',
    inState('unreachable'),
    inBase64,
  ),

  'tells reads UNAVAILABLE, never NOT_FOUND, when the server fails': telling('read', 'failing', 'MISCONFIGURED'),
  'tells lists UNAVAILABLE, never an empty page, when the server fails': swallowing('list', 'failing', {
    names: [],
    cursor: undefined,
  }),
  'tells writes UNAVAILABLE and that they may apply when the server fails': misjudging('put', 'failing'),
  'tells deletions UNAVAILABLE, never success, when the server fails': telling('destroy', 'failing', 'INTERNAL'),
  'keeps content and credentials out of errors when the server fails': leaking('put', inState('failing'), inUrl),

  'tells reads THROTTLED, never NOT_FOUND, when the vault throttles': telling('describe', 'throttled', 'UNAVAILABLE'),
  'tells lists THROTTLED, never an empty page, when the vault throttles': swallowing('list', 'throttled', {
    names: [],
    cursor: undefined,
  }),
  'tells writes THROTTLED and that they did not apply when the vault throttles': misjudging('put', 'throttled'),
  'tells deletions THROTTLED, never success, when the vault throttles': telling('purge', 'throttled', 'UNAVAILABLE'),
  'keeps content and credentials out of errors when the vault throttles': leaking(
    'create',
    inState('throttled'),
    hidden,
  ),

  'tells reads MISCONFIGURED, never NOT_FOUND, when the mount does not exist': telling(
    'read',
    'missingMount',
    'NOT_FOUND',
  ),
  'tells lists MISCONFIGURED, never an empty page, when the mount does not exist': swallowing('list', 'missingMount', {
    names: [],
    cursor: undefined,
  }),
  'tells writes MISCONFIGURED and that they did not apply when the mount does not exist': telling(
    'create',
    'missingMount',
    'NOT_FOUND',
  ),
  'tells deletions MISCONFIGURED, never success, when the mount does not exist': swallowing(
    'purge',
    'missingMount',
    undefined,
  ),
  'keeps content and credentials out of errors when the mount does not exist': leaking(
    'read',
    inState('missingMount'),
    inUrl,
  ),

  'passes on how long a throttling vault asks to wait': onFailure('read', inState('throttled'), () => {
    throw failure('THROTTLED', 'read');
  }),
  'says that a write may have been applied when its answer is lost': misjudging('put', 'losesAnswers'),
  'tells reads UNAVAILABLE when the answer is lost': swallowing('list', 'losesAnswers', {
    names: [],
    cursor: undefined,
  }),
  'names the kind of vault and the operation in its errors': onFailure('create', coded('ALREADY_EXISTS'), () => {
    throw failure('ALREADY_EXISTS', 'put');
  }),
  'keeps content out of the error of a refused creation': leaking('create', coded('ALREADY_EXISTS'), inMessage),
  'keeps content out of the error of a version conflict': leaking('put', coded('VERSION_CONFLICT'), inCause),
  'keeps content out of the error of a content too large': leaking('put', coded('TOO_LARGE'), inDetails),
  'keeps content out of the error of a number that would change': leaking('put', coded('INVALID_VALUE'), inDetails),
  'keeps content out of the error of a refused name': leaking('put', coded('INVALID_NAME'), inUrl),
  'keeps content out of the error of a version that is gone': (real, vault) => ({
    read: (call, name, version) =>
      real.read(call, name, version).catch((error: VaultError) => {
        const text = vault.snapshot().get(name)?.versions.at(-1)?.text ?? '{}';
        throw coded('VERSION_UNAVAILABLE')(error)
          ? hidden(error, (JSON.parse(text) as { password: string }).password)
          : error;
      }),
  }),
};
