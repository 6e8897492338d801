import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { Module } from '@nestjs/common';
import { ClientCredentialRepository } from './client-credential.repository.js';
import { ClientCredentialService } from './client-credential.service.js';
import { Granting } from './granting.js';
import { GroupRepository } from './group.repository.js';
import { GroupService } from './group.service.js';
import { Lockouts } from './lockouts.js';
import { LoginService } from './login.service.js';
import { PasswordHasher } from './password-hasher.js';
import { PrincipalRepository } from './principal.repository.js';
import { PrincipalService } from './principal.service.js';
import { Voters } from './voters.js';

/** Users, service accounts and groups, and how they log in. */
@Module({
  imports: [AccessModule, AuditModule],
  providers: [
    ClientCredentialRepository,
    ClientCredentialService,
    Granting,
    GroupRepository,
    GroupService,
    Lockouts,
    LoginService,
    PasswordHasher,
    PrincipalRepository,
    PrincipalService,
    Voters,
  ],
  exports: [ClientCredentialService, GroupService, LoginService, PrincipalService, Voters],
})
export class PrincipalsModule {}
