export { ChangeEntity, type Requester } from './change.entity.js';
export { ABANDON_CHANGES, CHANGE_JOBS, RECOVER_CHANGES } from './change.jobs.js';
export * as changeErrors from './change.errors.js';
export { secretBusy } from './change.errors.js';
export * from './change-handler.js';
export { ACT_LIMIT_MS, ChangeService } from './change.service.js';
export { CHANGE_STATES, type ChangeState } from './change-state.js';
export * from './changes.module.js';
