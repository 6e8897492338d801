import type { Pack } from './pack.js';

/** Who looks after a secret, and how long it lives. */
export const LIFECYCLE: Pack = {
  name: 'lifecycle',
  title: 'Ownership, age and rotation',
  description: 'That somebody answers for each secret, and that none lives for ever.',
  rules: [
    {
      id: 'no-owner',
      title: 'It has an owner',
      severity: 'medium',
      mode: 'warn',
      types: null,
      brokenWhen: { all: [{ fact: 'owner', operator: 'equal', value: null }] },
      remediation: 'Set the user or group that answers for it as its owner.',
    },
    {
      id: 'no-expiry',
      title: 'It expires',
      severity: 'low',
      mode: 'observe',
      types: null,
      brokenWhen: { all: [{ fact: 'hasExpiry', operator: 'equal', value: false }] },
      remediation: 'Set the date by which it is to be replaced.',
    },
    {
      id: 'expired',
      title: 'It has not expired',
      severity: 'high',
      mode: 'warn',
      types: null,
      brokenWhen: { all: [{ fact: 'expiresInDays', operator: 'lessThan', value: 0 }] },
      remediation: 'Replace its content and its date, or delete it.',
    },
    {
      id: 'no-rotation',
      title: 'It is rotated at least once a year',
      severity: 'medium',
      mode: 'observe',
      types: null,
      brokenWhen: {
        any: [
          { fact: 'rotationIntervalDays', operator: 'equal', value: null },
          { fact: 'rotationIntervalDays', operator: 'greaterThan', value: 366 },
        ],
      },
      remediation: 'Set a rotation interval of a year or less.',
    },
    {
      id: 'rotation-overdue',
      title: 'Its rotation is not overdue',
      severity: 'high',
      mode: 'warn',
      types: null,
      brokenWhen: { all: [{ fact: 'rotationDueInDays', operator: 'lessThan', value: 0 }] },
      remediation: 'Rotate it.',
    },
    {
      id: 'old-content',
      title: 'Its content is at most 365 days old',
      severity: 'medium',
      mode: 'warn',
      types: null,
      brokenWhen: { all: [{ fact: 'versionAgeDays', operator: 'greaterThan', value: 365 }] },
      remediation: 'Write new content, or delete the secret if nothing uses it.',
    },
    {
      id: 'reused',
      title: 'Its value is used nowhere else',
      severity: 'high',
      mode: 'warn',
      types: null,
      brokenWhen: { all: [{ fact: 'reusedBy', operator: 'greaterThan', value: 0 }] },
      remediation: 'Give each use a value of its own, so that one that leaks opens one door only.',
    },
  ],
};
