import { describe, expect, it } from '@jest/globals';
import { QueryFailedError } from 'typeorm';
import { asDatabaseUnavailable } from './database-unavailable.js';

const error = (message: string, more: object = {}): Error => Object.assign(new Error(message), more);

describe('asDatabaseUnavailable', () => {
  it.each([
    error('terminating connection', { code: '57P01' }),
    error('x', { code: '08006' }),
    error('sorry, too many clients already', { code: '53300' }),
    error('connect ECONNREFUSED', { code: 'ECONNREFUSED', syscall: 'connect' }),
    error('connect ENOENT /run/.s.PGSQL.5432', { code: 'ENOENT', syscall: 'connect' }),
    error('database "x" is not currently accepting connections', { code: '55000' }),
    error('Connection terminated unexpectedly'),
    error('timeout exceeded when trying to connect'),
    new QueryFailedError('select 1', [], error('terminating connection', { code: '57P01' })),
  ])('knows $message', (thrown) => {
    expect(asDatabaseUnavailable(thrown)).toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
      kind: 'unavailable',
      cause: thrown,
    });
  });

  it.each([
    error('duplicate key', { code: '23505' }),
    error('no such file', { code: 'ENOENT', syscall: 'open' }),
    error('object not in prerequisite state', { code: '55000' }),
    new TypeError('x is undefined'),
    'Connection terminated',
    undefined,
  ])('takes %p for nothing of the kind', (thrown) => {
    expect(asDatabaseUnavailable(thrown)).toBeUndefined();
  });
});
