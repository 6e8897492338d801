// Before each test file: the PostgreSQL of the worker that runs it.
const url = process.env[`CLAVIGER_TEST_DATABASE_URL_${process.env.JEST_WORKER_ID ?? 1}`];
if (url) process.env.CLAVIGER_TEST_DATABASE_URL = url;
