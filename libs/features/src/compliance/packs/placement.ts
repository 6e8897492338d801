import type { Pack } from './pack.js';

/** Where secrets are, and whether their copies are what they should be. */
export const PLACEMENT: Pack = {
  name: 'placement',
  title: 'Replication and places',
  description: 'Copies, drift, and where secrets may be kept.',
  rules: [
    {
      id: 'too-few-replicas',
      title: 'It has a copy',
      severity: 'medium',
      mode: 'observe',
      types: null,
      brokenWhen: { all: [{ fact: 'replicas', operator: 'lessThan', value: 1 }] },
      remediation: 'Add a sync profile.',
    },
    {
      id: 'replica-not-in-sync',
      title: 'No copy is missing, foreign or blocked',
      severity: 'high',
      mode: 'warn',
      types: null,
      brokenWhen: {
        any: ['missing', 'foreign', 'blocked'].map((value) => ({
          fact: 'replicaStatuses',
          operator: 'contains',
          value,
        })),
      },
      remediation: 'Ask for an explanation of the copy; it names the next action.',
    },
    {
      id: 'replica-unverified',
      title: 'Every copy was verified within a week',
      severity: 'medium',
      mode: 'warn',
      types: null,
      brokenWhen: { all: [{ fact: 'verifiedDaysAgo', operator: 'greaterThanInclusive', value: 7 }] },
      remediation: 'See whether the vault of the copy can be reached.',
    },
    {
      id: 'drift-open',
      title: 'No drift is open',
      severity: 'high',
      mode: 'warn',
      types: null,
      brokenWhen: { all: [{ fact: 'hasDrift', operator: 'equal', value: true }] },
      remediation: 'Adopt what was found, or overwrite it.',
    },
    {
      id: 'region-not-allowed',
      title: 'It is kept in the European Union only, where a vault has a region',
      severity: 'critical',
      mode: 'warn',
      types: null,
      brokenWhen: {
        any: ['us-east-1', 'us-east-2', 'us-west-1', 'us-west-2', 'ap-southeast-1', 'ap-northeast-1', 'sa-east-1'].map(
          (value) => ({ fact: 'placeRegions', operator: 'contains', value }),
        ),
      },
      remediation: 'Remove the copy there, or write a rule of your own with the regions that you allow.',
    },
    {
      id: 'kind-not-allowed',
      title: 'It is kept in a vault of your own, and not in the built-in one',
      severity: 'low',
      mode: 'observe',
      types: null,
      brokenWhen: { all: [{ fact: 'vaultKind', operator: 'equal', value: 'builtin' }] },
      remediation: 'Create it at a vault profile on a vault of your own.',
    },
  ],
};
