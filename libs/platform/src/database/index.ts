export * from './array-columns.js';
export * from './batched-lookup.js';
export * from './batched-write.js';
export * from './data-source.js';
export * from './database.js';
export * from './database.module.js';
export * from './migrate.js';
export * from './unique-violation.js';
