import { AppError } from '@claviger/kernel';
import type { RotationKind } from './key-rotation.policy.js';

export const rotationUnderWay = (kind: RotationKind): AppError =>
  new AppError({
    code: 'KEY_ROTATION_UNDER_WAY',
    kind: 'conflict',
    message: `A rotation of the ${kind} key is under way; wait until it is done.`,
    retryable: true,
  });

export const rotationNotFound = (): AppError =>
  new AppError({ code: 'KEY_ROTATION_NOT_FOUND', kind: 'not_found', message: 'There is no such rotation.' });

export const rootKeyNotGiven = (): AppError =>
  new AppError({
    code: 'ROOT_KEY_NOT_GIVEN',
    kind: 'precondition',
    message:
      'The data is sealed under the only root key that is here. Give every process the new one as CLAVIGER_ROOT_KEY and the old one as CLAVIGER_ROOT_KEY_PREVIOUS, then rotate. A key in the data directory is replaced by npm run keys -- rotate root while Claviger is stopped.',
  });

export const rootKeyNotEverywhere = (processes: readonly string[]): AppError =>
  new AppError({
    code: 'ROOT_KEY_NOT_EVERYWHERE',
    kind: 'precondition',
    message: `These processes do not have the new root key: ${processes.join(', ')}. Start them again with it as CLAVIGER_ROOT_KEY and the old one as CLAVIGER_ROOT_KEY_PREVIOUS, or stop them; one that was killed is forgotten after 15 seconds.`,
  });
