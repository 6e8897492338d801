import { describe, expect, it } from '@jest/globals';
import { isRootProtected } from './root-protected-paths.js';

describe('isRootProtected', () => {
  it.each([
    'sys/seal',
    '//sys/seal',
    'sys/audit',
    'sys/audit/',
    'sys/audit/file',
    'sys/auth/jwt',
    'sys/raw',
    'sys/raw/core',
    'auth/token/accessors/',
  ])('protects %s', (path) => {
    expect(isRootProtected(path)).toBe(true);
  });

  it.each([
    'sys/mounts/k',
    'sys/policies/acl/x',
    'sys/auth',
    'sys/sealed',
    'sys/seal-status',
    'auth/token/create',
    'k/sys/seal',
  ])('leaves %s to the capabilities alone', (path) => {
    expect(isRootProtected(path)).toBe(false);
  });
});
