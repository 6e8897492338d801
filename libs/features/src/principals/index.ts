export { ClientCredentialService, type ClientCredentialView } from './client-credential.service.js';
export { GroupService, type GroupView, type MemberView } from './group.service.js';
export { LoginService, type LoginOrigin } from './login.service.js';
export { MIN_PASSWORD, SELF } from './principal-input.policy.js';
export { PrincipalService, type PrincipalView } from './principal.service.js';
export { PRINCIPALS_ENTITIES } from './principals.entities.js';
export * as principalErrors from './principals.errors.js';
export { PrincipalsModule } from './principals.module.js';
export { Voters, type Voter, type VoterRule } from './voters.js';
