export * as accessErrors from './access.errors.js';
export { ACCESS_ENTITIES } from './access.entities.js';
export { ACCESS_JOBS, REMOVE_ENDED_TOKENS } from './access.jobs.js';
export { AccessModule } from './access.module.js';
export { AccessService } from './access.service.js';
export * from './policy/index.js';
export { PolicyService, type PolicySummary, type PolicyView } from './policy.service.js';
export { MAX_TTL_SECONDS, type NewToken } from './token-grant.policy.js';
export { TokenService, type IssuedToken, type TokenView } from './token.service.js';
