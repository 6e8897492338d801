import { ClientCredentialEntity } from './client-credential.entity.js';
import { GroupEntity } from './group.entity.js';
import { GroupMemberEntity } from './group-member.entity.js';
import { LoginIdentityEntity } from './login-issuers/login-identity.entity.js';
import { LoginIssuerEntity } from './login-issuers/login-issuer.entity.js';
import { LoginIssuerGroupEntity } from './login-issuers/login-issuer-group.entity.js';
import { PrincipalEntity } from './principal.entity.js';

export const PRINCIPALS_ENTITIES = [
  ClientCredentialEntity,
  GroupEntity,
  GroupMemberEntity,
  LoginIdentityEntity,
  LoginIssuerEntity,
  LoginIssuerGroupEntity,
  PrincipalEntity,
] as const;
