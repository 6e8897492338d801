import { describe, expect, it } from '@jest/globals';
import { KEYS_USAGE, describeStatus, runKeys } from './keys.js';

describe('npm run keys', () => {
  it.each([
    [],
    ['rotate'],
    ['rotate', 'all'],
    ['status', '--wait'],
    ['rotate', 'data', 'kek'],
    ['--help'],
    ['status', 'x'],
  ])('prints how it is used for %j, and opens nothing', async (...argv: string[]) => {
    const lines: string[] = [];
    const open = (): never => {
      throw new Error('opened');
    };
    const command = { open, isAlone: true, isRootKeyGiven: false, out: (line: string) => void lines.push(line) };
    expect(await runKeys(argv, command)).toBe(2);
    expect(lines).toEqual([KEYS_USAGE]);
  });
});

describe('describeStatus', () => {
  it('tells keys by their ids, and what a rotation waits for', () => {
    const at = new Date('2026-01-31T00:00:00Z');
    const rotation = { kind: 'data', state: 'adding', done: '0', total: '0', failed: '0', settlesAt: null };
    const status = {
      keys: [
        { kind: 'root', id: 'aa', isActive: true, createdAt: null },
        { kind: 'data', id: 'bb', isActive: false, createdAt: at },
      ],
      rotations: [{ rotation, waitsFor: [{ kind: 'api', id: 'cc' }] }],
    };
    expect(describeStatus(status as never)).toEqual([
      'root        aa  in force',
      'data        bb  older     since 2026-01-31T00:00:00.000Z',
      'data: processes learn of the new key. It waits for api cc.',
    ]);
  });
});
