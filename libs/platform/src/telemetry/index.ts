export { errorCode, errorFacts, type ErrorFacts } from './error-facts.js';
export * from './health-registry.js';
export * from './logger.js';
export * from './nest-logger.js';
export { createLogger, type LoggerOptions } from './pino-logger.js';
export * from './process-heartbeat.entity.js';
export * from './process-registry.js';
export * from './telemetry.module.js';
