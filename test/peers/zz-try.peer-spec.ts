import { it } from '@jest/globals';
import { startOpenBao } from '../../libs/testing/src/peers/open-bao.js';
it('x', async () => { const t=Date.now(); const b = await startOpenBao(); console.log(b.address,b.pid,b.unsealKey.length,Date.now()-t); if (process.env.DIE) process.kill(process.pid,'SIGKILL'); await b.close(); console.log(Date.now()-t);
 }, 30000);
