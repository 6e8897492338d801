import { ClientCredentialEntity } from './client-credential.entity.js';
import { GroupEntity } from './group.entity.js';
import { GroupMemberEntity } from './group-member.entity.js';
import { PrincipalEntity } from './principal.entity.js';

export const PRINCIPALS_ENTITIES = [ClientCredentialEntity, GroupEntity, GroupMemberEntity, PrincipalEntity] as const;
