import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { Module } from '@nestjs/common';
import { ClientCredentialRepository } from './client-credential.repository.js';
import { ClientCredentialService } from './client-credential.service.js';
import { Granting } from './granting.js';
import { GroupRepository } from './group.repository.js';
import { GroupService } from './group.service.js';
import { Lockouts } from './lockouts.js';
import { IssuerGranting } from './login-issuers/issuer-granting.js';
import { IssuerKeys } from './login-issuers/issuer-keys.js';
import { IssuerMembershipRepository } from './login-issuers/issuer-membership.repository.js';
import { JwtLoginService } from './login-issuers/jwt-login.service.js';
import { JwtVerifier } from './login-issuers/jwt-verifier.js';
import { LoginIdentityRepository } from './login-issuers/login-identity.repository.js';
import { LoginIssuerRepository } from './login-issuers/login-issuer.repository.js';
import { LoginIssuerService } from './login-issuers/login-issuer.service.js';
import { LoginLinkService } from './login-issuers/login-link.service.js';
import { LoginRefusals } from './login-issuers/login-refusals.js';
import { LoginService } from './login.service.js';
import { LoginTokens } from './login-tokens.js';
import { PasswordHasher } from './password-hasher.js';
import { PrincipalRepository } from './principal.repository.js';
import { Owners } from './owners.js';
import { PrincipalService } from './principal.service.js';
import { Voters } from './voters.js';

/** Users, service accounts and groups, and how they log in. Needs ISSUER_DOCUMENTS. */
@Module({
  imports: [AccessModule, AuditModule],
  providers: [
    ClientCredentialRepository,
    ClientCredentialService,
    Granting,
    GroupRepository,
    GroupService,
    IssuerGranting,
    IssuerKeys,
    IssuerMembershipRepository,
    JwtLoginService,
    JwtVerifier,
    Lockouts,
    LoginIdentityRepository,
    LoginIssuerRepository,
    LoginIssuerService,
    LoginLinkService,
    LoginRefusals,
    LoginService,
    LoginTokens,
    PasswordHasher,
    PrincipalRepository,
    Owners,
    PrincipalService,
    Voters,
  ],
  exports: [
    ClientCredentialService,
    GroupService,
    LoginIssuerService,
    LoginLinkService,
    LoginService,
    Owners,
    PrincipalService,
    Voters,
  ],
})
export class PrincipalsModule {}
