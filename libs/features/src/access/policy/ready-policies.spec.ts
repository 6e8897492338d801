import { describe, expect, it } from '@jest/globals';
import { OPERATIONS, type Operation } from './capability.js';
import { compilePolicies } from './policy-compiler.js';
import { findReadyPolicy, READY_POLICIES } from './ready-policies.js';

const WRITES: readonly Operation[] = ['create', 'update', 'patch', 'delete'];
const EVERYTHING: readonly Operation[] = OPERATIONS.filter((operation) => operation !== 'help');

const CONTENT = ['payments/data/db', 'payments/data/a/b'];
const RESOURCES = [
  'tokens',
  'policies',
  'audit-entries',
  'vault-kinds',
  'vault-instances',
  'vault-profiles',
  'changes',
  'replication',
  'approvals',
  'compliance',
  'compliance-profiles',
  'report-schedules',
];
const MANAGED = RESOURCES.flatMap((resource) => [`claviger/${resource}`, `claviger/${resource}/x`]);

function allowedTo(names: readonly string[], path: string): readonly Operation[] {
  const matcher = compilePolicies(
    names.map((name) => findReadyPolicy(name)!),
    { now: new Date(0) },
  );
  return EVERYTHING.filter((operation) => matcher.match(path, operation).allowed);
}

describe('ready policies', () => {
  it('are five, each with a line that says what for', () => {
    expect(READY_POLICIES.map(({ name }) => name)).toEqual(['admin', 'operator', 'approver', 'auditor', 'developer']);
    for (const { description } of READY_POLICIES) expect(description).toMatch(/^\S.{20,100}\.$/);
  });

  it('let an admin do everything, sudo included', () => {
    for (const path of [...CONTENT, ...MANAGED, 'claviger/overwrite/p/x', 'sys/seal']) {
      expect(allowedTo(['admin'], path)).toEqual(EVERYTHING);
    }
    const admin = compilePolicies([findReadyPolicy('admin')!], { now: new Date(0) });
    expect(admin.match('sys/seal', 'update').capabilities).toContain('sudo');
  });

  it.each(['operator', 'approver', 'auditor'])('let a %s do nothing at all with content', (name) => {
    for (const path of CONTENT) expect(allowedTo([name], path)).toEqual([]);
    for (const kind of ['subkeys', 'delete', 'undelete', 'destroy']) {
      expect(allowedTo([name], `payments/${kind}/db`)).toEqual([]);
    }
  });

  it.each(['operator', 'approver', 'developer'])('let a %s touch neither tokens nor policies', (name) => {
    for (const path of ['claviger/tokens', 'claviger/tokens/x', 'claviger/policies', 'claviger/policies/x']) {
      expect(allowedTo([name], path)).toEqual([]);
    }
  });

  it('let an auditor read and list every managed resource and write none', () => {
    for (const path of [...MANAGED, 'claviger/secrets/payments/db', 'payments/metadata/db']) {
      expect(allowedTo(['auditor'], path)).toEqual(expect.arrayContaining(['read', 'list']));
      expect(allowedTo(['auditor'], path)).not.toEqual(
        expect.arrayContaining([expect.stringMatching(WRITES.join('|'))]),
      );
    }
  });

  it('let an auditor have reports drawn, and change none', () => {
    for (const path of ['claviger/reports/access', 'claviger/reports/compliance'])
      expect(allowedTo(['auditor'], path)).toEqual(['create', 'read', 'list']);
    for (const policy of ['operator', 'approver', 'developer'])
      expect(allowedTo([policy], 'claviger/reports/access')).toEqual([]);
  });

  it('give an auditor no content, even together with developer', () => {
    for (const path of CONTENT) expect(allowedTo(['auditor', 'developer'], path)).toEqual([]);
  });

  it('let an auditor list what lies under a resource', () => {
    expect(allowedTo(['auditor'], 'claviger/tokens/')).toContain('list');
  });

  it('let an operator run instances, profiles, replication and compliance', () => {
    for (const path of [
      'claviger/vault-instances/x',
      'claviger/vault-profiles/x',
      'claviger/compliance-profiles/x',
      'claviger/compliance/waivers/payments/db',
    ]) {
      expect(allowedTo(['operator'], path)).toEqual(expect.arrayContaining([...WRITES, 'read', 'list']));
    }
    expect(allowedTo(['operator'], 'claviger/replication/payments/db')).toContain('update');
    expect(allowedTo(['operator'], 'claviger/changes/x')).toEqual(['read', 'update', 'list']);
    expect(allowedTo(['operator'], 'claviger/secrets/payments/db')).toEqual(['read', 'list']);
  });

  it.each(['operator', 'approver', 'auditor', 'developer'])('let a %s neither adopt nor overwrite', (name) => {
    for (const path of ['claviger/adopt/p/x', 'claviger/overwrite/p/x']) expect(allowedTo([name], path)).toEqual([]);
  });

  it('let an approver read changes and vote, and nothing else', () => {
    expect(allowedTo(['approver'], 'claviger/changes/x')).toEqual(['read', 'list']);
    expect(allowedTo(['approver'], 'claviger/approvals/x/votes')).toEqual(['create', 'read', 'update', 'list']);
    expect(allowedTo(['approver'], 'claviger/secrets/payments/db')).toEqual([]);
  });

  it('leave a developer who is also an approver their content', () => {
    expect(allowedTo(['approver', 'developer'], CONTENT[0]!)).toContain('read');
  });

  it('let a developer work with secrets in any profile, but change no profile and no instance', () => {
    expect(allowedTo(['developer'], CONTENT[0]!)).toEqual(['create', 'read', 'update', 'patch', 'delete']);
    expect(allowedTo(['developer'], 'payments/destroy/db')).toEqual(['update']);
    expect(allowedTo(['developer'], 'claviger/secrets/payments/db')).toEqual(
      expect.arrayContaining([...WRITES, 'read']),
    );
    expect(allowedTo(['developer'], 'claviger/vault-profiles/x')).toEqual(['read', 'list']);
    expect(allowedTo(['developer'], 'claviger/vault-instances/x')).toEqual([]);
  });

  it('are found by name only', () => {
    expect(findReadyPolicy('Admin')).toBeUndefined();
  });
});
