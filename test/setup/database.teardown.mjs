// Jest's globalTeardown: the same process as the set-up, so the same module and its state.
const { stopTestServers } = await import('./test-server.ts');

export default stopTestServers;
