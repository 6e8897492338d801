import { captureLogs } from '@claviger/testing';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ErrorThrottle } from './error-throttle.js';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe('ErrorThrottle', () => {
  it('logs the first error of a shower, and the number of the others with the next', () => {
    const logs = captureLogs();
    const { onError } = new ErrorThrottle(logs.logger, 'queue.connection_failed');
    const refused = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
    for (let i = 0; i < 100; i += 1) onError(refused);
    jest.advanceTimersByTime(9_999);
    onError(refused);
    expect(logs.lines()).toHaveLength(1);
    jest.advanceTimersByTime(1);
    onError(refused);
    expect(logs.lines('queue.connection_failed')).toEqual([
      expect.objectContaining({ suppressed: 0, error: expect.objectContaining({ code: 'ECONNREFUSED' }) }),
      expect.objectContaining({ suppressed: 100 }),
    ]);
  });
});
