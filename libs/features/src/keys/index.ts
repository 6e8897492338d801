export { KEYED_COLUMNS, SEALED_COLUMNS, type SealedColumn } from './key-inventory.js';
export { KeyRotationEntity } from './key-rotation.entity.js';
export { ROTATION_KINDS, ROTATION_STATES, type RotationKind, type RotationState } from './key-rotation.policy.js';
export { KeyRotationService } from './key-rotation.service.js';
export { KeyRotator } from './key-rotator.js';
export { KeyStatusService, type KeyStatus, type KeyView } from './key-status.service.js';
export * as keyErrors from './keys.errors.js';
export { ADVANCE_KEY_ROTATIONS, KEY_JOBS } from './keys.jobs.js';
export * from './keys.module.js';
