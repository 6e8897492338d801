export { COMPLIANCE_ENTITIES } from './compliance.entities.js';
