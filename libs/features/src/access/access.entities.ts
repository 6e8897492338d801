import { PolicyEntity } from './policy.entity.js';
import { TokenEntity } from './token.entity.js';

export const ACCESS_ENTITIES = [PolicyEntity, TokenEntity] as const;
