import { describe, expect, it } from '@jest/globals';
import { formatTraceParent, parseTraceParent } from './trace-parent.js';

const trace = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };

describe('traceparent', () => {
  it.each([true, false])('is read as it is written, sampled: %s', (isSampled) => {
    expect(parseTraceParent(formatTraceParent({ ...trace, isSampled }))).toEqual({ ...trace, isSampled });
  });

  it.each([
    undefined,
    ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
    '',
    '01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    '00-00000000000000000000000000000000-b7ad6b7169203331-01',
    '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01',
    '00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01',
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more',
    '00-canary-b7ad6b7169203331-01',
  ])('is not taken from %j', (text) => {
    expect(parseTraceParent(text)).toBeUndefined();
  });
});
