export { ApiModule } from './api.module.js';
export { describeModule } from './http/openapi.js';
export { startApi, startHttp, type RunningApi } from './start-api.js';
