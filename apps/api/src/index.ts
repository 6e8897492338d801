export { ApiModule } from './api.module.js';
export { startApi, startHttp, type RunningApi } from './start-api.js';
