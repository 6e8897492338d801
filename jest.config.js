const swc = (type) => [
  '@swc/jest',
  {
    module: { type },
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
    },
  },
];

const shared = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  // light-my-request (CommonJS) requires the ESM-only cookie package, which Jest can do only from Node 24.9 on.
  transform: { '^.+\\.ts$': swc('es6'), '/node_modules/cookie/.+\\.js$': swc('commonjs') },
  transformIgnorePatterns: ['/node_modules/(?!cookie/)'],
  moduleNameMapper: {
    '^@claviger/(kernel|composition|testing)$': '<rootDir>/libs/$1/src/index.ts',
    '^@claviger/(platform|vaults|features)/(.+)$': '<rootDir>/libs/$1/src/$2/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
};

const project = (displayName, testMatch, extra = {}) => ({ ...shared, displayName, testMatch, ...extra });

const withDatabase = {
  setupFiles: ['<rootDir>/test/setup/worker-database.mjs'],
  globalSetup: '<rootDir>/test/setup/database.setup.mjs',
  globalTeardown: '<rootDir>/test/setup/database.teardown.mjs',
};

export default {
  // A limit for what hangs, not a measure: a machine shared by many is slow. Jest takes it here only, not from a project.
  testTimeout: 60_000,
  projects: [
    project('unit', ['<rootDir>/{apps,libs}/**/*.spec.ts']),
    project('integration', ['<rootDir>/{apps,libs}/**/*.int-spec.ts'], withDatabase),
    project('peers', ['<rootDir>/test/peers/**/*.peer-spec.ts'], withDatabase),
    project('e2e', ['<rootDir>/test/e2e/**/*.e2e-spec.ts'], withDatabase),
  ],
};
