import type { Capability } from './capability.js';
import type { NamedPolicy } from './parsed-policy.js';
import { parsePolicy } from './policy-parser.js';

/** A policy that comes with Claviger and cannot be changed; `text` is its JSON document. */
export type ReadyPolicy = { readonly name: string; readonly description: string; readonly text: string };

type Grants = Readonly<Record<string, readonly Capability[]>>;

const READ: readonly Capability[] = ['read', 'list'];
const WRITE: readonly Capability[] = ['create', 'read', 'update', 'patch', 'delete', 'list'];

/** Everything, by capabilities instead of the root policy, so that it can be combined with others and expires with its token. */
const ADMIN: Grants = { '*': [...WRITE, 'scan', 'sudo'] };

/**
 * Runs the machinery: connections, profiles, replication, compliance, stuck changes. Sees which secrets exist and how they replicate,
 * because that is what fails, but holds no path with content, and neither tokens nor policies, with which it could
 * give itself more. Adopting or overwriting what lies in a vault is a decision about content and so not the operator's.
 */
const OPERATOR: Grants = {
  'claviger/vault-kinds': READ,
  'claviger/vault-kinds/*': READ,
  'claviger/vault-instances': WRITE,
  'claviger/vault-instances/*': WRITE,
  'claviger/vault-profiles': WRITE,
  'claviger/vault-profiles/*': WRITE,
  'claviger/delete-fuse': ['read', 'update'],
  'claviger/keys': ['read', 'update'],
  'claviger/replication': ['read', 'update', 'list'],
  'claviger/replication/*': ['create', 'read', 'update', 'list'],
  'claviger/changes': READ,
  'claviger/changes/*': ['read', 'update', 'list'],
  'claviger/plans': READ,
  'claviger/plans/*': ['read', 'delete', 'list'],
  'claviger/imports': READ,
  'claviger/imports/*': ['read', 'delete', 'list'],
  'claviger/compliance-profiles': WRITE,
  'claviger/compliance-profiles/*': WRITE,
  'claviger/compliance/*': WRITE,
  'claviger/secrets/*': READ,
};

/**
 * Decides about changes without seeing values: reads changes and approvals and votes (a vote is written under
 * `claviger/approvals/`). Grants no content and denies none, so that a developer can also be an approver.
 */
const APPROVER: Grants = {
  'claviger/changes': READ,
  'claviger/changes/*': READ,
  'claviger/approvals': READ,
  'claviger/approvals/*': ['create', 'read', 'update', 'list'],
  'claviger/approval-profiles': READ,
  'claviger/approval-profiles/*': READ,
};

/**
 * Reads all that is managed and nothing that is kept in it: every resource is named, because a resource that is added
 * later may carry content. Content is denied outright, so that no second policy with the same words, such as developer,
 * adds it back. No capability that writes, but to have a report drawn.
 */
const AUDITOR: Grants = {
  ...Object.fromEntries(
    [
      'approval-profiles',
      'approvals',
      'audit-entries',
      'changes',
      'compliance',
      'compliance-profiles',
      'delete-fuse',
      'groups',
      'imports',
      'keys',
      'login-issuers',
      'mail-subscriptions',
      'plans',
      'policies',
      'replication',
      'report-schedules',
      'reports',
      'service-accounts',
      'tokens',
      'users',
      'vault-instances',
      'vault-kinds',
      'vault-profiles',
      'webhooks',
    ].flatMap((resource) => [
      [`claviger/${resource}`, READ],
      [`claviger/${resource}/*`, READ],
    ]),
  ),
  // Asking for a report writes down nothing but what is managed already, in a report.
  'claviger/reports/*': ['create', ...READ],
  'claviger/secrets/*': READ,
  '+/metadata/*': [...READ, 'scan'],
  '+/data/*': ['deny'],
  '+/subkeys/*': ['deny'],
};

/**
 * Works with secrets in every profile: content, versions, sync profiles, and following their own changes. Narrow it per
 * team by writing the profile's name instead of `+`. No connections or profiles, no adopting or overwriting of what
 * is not ours, no tokens, no policies.
 */
const DEVELOPER: Grants = {
  '+/data/*': ['create', 'read', 'update', 'patch', 'delete'],
  '+/metadata/*': [...WRITE, 'scan'],
  '+/subkeys/*': ['read'],
  '+/delete/*': ['update'],
  '+/undelete/*': ['update'],
  '+/destroy/*': ['update'],
  'claviger/secrets/*': WRITE,
  'claviger/vault-kinds': READ,
  'claviger/vault-kinds/*': READ,
  'claviger/vault-profiles': READ,
  'claviger/vault-profiles/*': READ,
  'claviger/replication': READ,
  'claviger/replication/*': READ,
  'claviger/plans/*': ['create'],
};

/**
 * The policies that every store has. Content is judged on the paths of KV v2 (`<profile>/data/<name>` and its
 * siblings) on both surfaces; everything else on `claviger/<resource>/…`.
 */
export const READY_POLICIES: readonly ReadyPolicy[] = [
  ready('admin', 'May do everything, including what is root-protected.', ADMIN),
  ready(
    'operator',
    'Manages vaults, profiles, replication and compliance; no content, no tokens, no policies.',
    OPERATOR,
  ),
  ready('approver', 'Reads changes and votes on approvals; no content.', APPROVER),
  ready('auditor', 'Reads everything that is managed; no content and no writing, ever.', AUDITOR),
  ready('developer', 'Reads and writes secrets in all profiles; no connections, tokens or policies.', DEVELOPER),
];

const PARSED: ReadonlyMap<string, NamedPolicy> = new Map(
  READY_POLICIES.map(({ name, text }) => [name, { name, policy: parsePolicy(text) }]),
);

/** A ready policy, parsed; `undefined` for any other name. */
export function findReadyPolicy(name: string): NamedPolicy | undefined {
  return PARSED.get(name);
}

function ready(name: string, description: string, grants: Grants): ReadyPolicy {
  const path = Object.fromEntries(Object.entries(grants).map(([pattern, capabilities]) => [pattern, { capabilities }]));
  return { name, description, text: JSON.stringify({ path }, undefined, 2) };
}
