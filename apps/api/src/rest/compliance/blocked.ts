import { complianceErrors } from '@claviger/features/compliance';

/** How rules refuse a change. */
export const BLOCKED = complianceErrors.complianceBlocked([
  {
    profile: 'base',
    rule: 'password-short',
    title: 'A password has at least 12 characters',
    remediation: 'Generate a new password of 24 characters, and rotate it where it is used.',
  },
]);
