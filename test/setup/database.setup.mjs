// Jest's globalSetup: once a run, for all projects that name it.
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
const { startTestServers } = await import('./test-server.ts');

export default startTestServers;
