import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { pauseAfterFailedClaims } from './claim-pause.js';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe('pauseAfterFailedClaims', () => {
  it('gives a job at once', async () => {
    const backend = pauseAfterFailedClaims({ moveToActive: async (token: string, name?: string) => [token, name] });
    await expect(backend.moveToActive('t', 'n')).resolves.toEqual(['t', 'n']);
  });

  it('tells of a failure half a second later', async () => {
    const down = new Error('down');
    const backend = pauseAfterFailedClaims({
      moveToActive: (_token: string): Promise<unknown> => Promise.reject(down),
    });
    const told = jest.fn();
    backend.moveToActive('t').catch(told);
    await jest.advanceTimersByTimeAsync(499);
    expect(told).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    expect(told).toHaveBeenCalledWith(down);
  });
});
