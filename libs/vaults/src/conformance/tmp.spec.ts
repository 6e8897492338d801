import { describe, it, expect } from '@jest/globals';
import { FakeClock } from '@claviger/testing';
import { describeVaultAdapter, ReferenceAdapter, REFERENCE_FLAVOURS } from './index.js';
describe('x', () => { it('c', () => { expect(new FakeClock().sleeping).toBe(0); }); });
for (const [flavour, capabilities] of Object.entries(REFERENCE_FLAVOURS)) {
  describeVaultAdapter('reference', { flavour, capabilities, fresh: async () => ({ adapter: new ReferenceAdapter({ capabilities }), folder: flavour === 'plain' ? 'own/folder' : '' }) });
}
