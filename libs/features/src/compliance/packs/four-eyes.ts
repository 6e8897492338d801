import type { Pack } from './pack.js';

/** Whether more than one person has a say. */
export const FOUR_EYES: Pack = {
  name: 'four-eyes',
  title: 'Approvals',
  description: 'That changes are approved, and that exceptions are looked at.',
  rules: [
    {
      id: 'not-gated',
      title: 'Its vault profile has an approval profile',
      severity: 'medium',
      mode: 'observe',
      types: null,
      brokenWhen: { all: [{ fact: 'isGated', operator: 'equal', value: false }] },
      remediation: 'Assign an approval profile to the vault profile.',
    },
    {
      id: 'approval-missing',
      title: 'Its current version was approved',
      severity: 'high',
      mode: 'warn',
      types: null,
      brokenWhen: { all: [{ fact: 'approvers', operator: 'lessThan', value: 1 }] },
      remediation: 'Let approvals gate its content, and write it once more.',
    },
    {
      id: 'break-glass-unreviewed',
      title: 'Every broken glass was looked at',
      severity: 'critical',
      mode: 'warn',
      types: null,
      brokenWhen: { all: [{ fact: 'hasUnreviewedBreakGlass', operator: 'equal', value: true }] },
      remediation: 'Have somebody else than who broke it look at the change and close its review.',
    },
  ],
};
