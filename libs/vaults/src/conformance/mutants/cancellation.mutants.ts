import { isVaultError } from '../../contract/index.js';
import { altered, attentive, deaf, failure, inState, onFailure, type Mutants } from './mutation.js';

export const CANCELLATION_MUTANTS: Mutants = {
  'reads nothing for a caller who has given up': deaf('describe'),
  'reads nothing at once for a caller who has given up': deaf('readMany'),
  'lists nothing for a caller who has given up': deaf('list'),
  'creates nothing for a caller who has given up': deaf('create'),
  'writes nothing for a caller who has given up': deaf('put'),
  'purges nothing for a caller who has given up': deaf('purge'),
  'hides and destroys nothing for a caller who has given up': deaf('destroy'),
  'sets no metadata for a caller who has given up': deaf('setMetadata'),
  'tells CANCELLED also when it was a deadline that passed': (real) => ({
    read: async (call, name, version) => {
      const isLate = (call.signal.reason as Error | undefined)?.name === 'TimeoutError';
      if (isLate) throw failure('TIMEOUT', 'read');
      return real.read(call, name, version);
    },
  }),
  'ends a write given up under way as CANCELLED or as done, and says which': (real) => ({
    put: async (call, name, content, condition) => {
      const isUnderWay = !call.signal.aborted;
      return real.put(call, name, content, condition).catch(async (error: unknown) => {
        const isSure = isVaultError(error, 'CANCELLED') && !error.outcomeUnknown;
        if (isUnderWay && isSure) await real.put(attentive(call), name, content, condition);
        throw error;
      });
    },
  }),
  'leaves a finished write alone when its caller gives up afterwards': (real) => ({
    put: async (call, name, content, condition) => {
      const receipt = await real.put(call, name, content, condition);
      call.signal.addEventListener('abort', () => void real.purge(attentive(call), name));
      return receipt;
    },
  }),
  'gives up a read that the vault does not answer': onFailure('read', inState('stalled'), () => {
    throw failure('TIMEOUT', 'read');
  }),
  'gives up a bulk read that the vault does not answer': onFailure('readMany', inState('stalled'), () => []),
  'gives up a list that the vault does not answer': onFailure('list', inState('stalled'), () => ({
    names: [],
    cursor: undefined,
  })),
  'gives up a write that the vault does not answer, and says that it may have been applied': onFailure(
    'put',
    inState('stalled'),
    (error) => {
      throw altered(error, { outcomeUnknown: false });
    },
  ),
};
