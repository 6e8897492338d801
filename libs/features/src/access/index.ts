export { ACCESS_JOBS, REMOVE_ENDED_TOKENS } from './access.jobs.js';
export * from './access.module.js';
export { AccessService } from './access.service.js';
export { ACCESS_ENTITIES } from './access.entities.js';
export * from './policy/index.js';
export { PolicyService, type PolicyView } from './policy.service.js';
export { MAX_TTL_SECONDS, TokenService, type NewToken, type TokenView } from './token.service.js';
