// Who may import whom (docs: the table in the architecture). A house with three floors: kernel and platform, then
// vaults and features, then apps; arrows point down only, and into another room only through its index.ts.
const only = (name, from, to) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { path: '^(apps|libs|test|bench|tools)/', pathNot: to },
});

const contract = '^libs/vaults/src/contract/';

module.exports = {
  forbidden: [
    // Entities name each other for TypeORM's relations; Relation<T> keeps those cycles out of the running program.
    { name: 'no cycles', severity: 'error', from: {}, to: { circular: true, viaOnly: { pathNot: '\\.entity\\.ts$' } } },
    { name: 'nothing unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no undeclared packages',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: ['^libs/testing/', '/fixtures/'] },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'], pathNot: '@types/' },
    },
    {
      name: 'kernel knows Node only',
      severity: 'error',
      from: { path: '^libs/kernel/' },
      to: { pathNot: '^libs/kernel/', dependencyTypesNot: ['core'] },
    },
    only('platform looks down only', '^libs/platform/', ['^libs/(kernel|platform)/']),
    only('the vault contract stands alone', contract, ['^libs/kernel/', contract]),
    only('vault machinery knows the contract', '^libs/vaults/src/(conformance|wrappers|network)/', [
      '^libs/kernel/',
      '^libs/vaults/src/(contract|conformance|wrappers|network)/',
    ]),
    // Only the built-in vault keeps its content in our database.
    only('adapters do not know each other', '^libs/vaults/src/adapters/([^/]+)/', [
      '^libs/kernel/',
      '^libs/vaults/src/(contract|network)/',
      '^libs/vaults/src/adapters/$1/',
      '^libs/platform/src/(crypto|database)/',
    ]),
    {
      name: 'adapters of outside vaults keep nothing',
      severity: 'error',
      from: { path: '^libs/vaults/src/adapters/(?!builtin/)' },
      to: { path: '^libs/platform/' },
    },
    only('features know the contract and the wrappers, not the vaults', '^libs/features/', [
      '^libs/(kernel|platform|features)/',
      contract,
      '^libs/vaults/src/wrappers/',
    ]),
    only('the composition root knows all below it', '^libs/composition/', [
      '^libs/(kernel|platform|vaults|features|composition)/',
    ]),
    only('the api stands alone', '^apps/api/', ['^apps/api/', '^libs/(?!testing/)']),
    only('the worker stands alone', '^apps/worker/', ['^apps/worker/', '^libs/(?!testing/)']),
    only('standalone composes api and worker', '^apps/standalone/', [
      '^apps/(standalone|api|worker)/',
      '^libs/(?!testing/)',
    ]),
    only('the command line stands alone', '^apps/cli/', ['^apps/cli/', '^libs/(?!testing/)']),
    only('the console stands alone', '^apps/console/', ['^apps/console/']),
    {
      name: 'by the door',
      comment: 'Enter another room through its index.ts.',
      severity: 'error',
      from: { path: '^libs/([^/]+)/src/([^/]+)/', pathNot: '^libs/testing/' },
      to: { path: '^libs/[^/]+/src/[^/]+/', pathNot: ['^libs/$1/src/$2/', '/index\\.ts$'] },
    },
    {
      name: 'by the door (apps)',
      severity: 'error',
      from: { path: '^apps/' },
      to: { path: '^libs/', pathNot: '/index\\.ts$' },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    // Tests may use anything.
    exclude: { path: '\\.(spec|int-spec|peer-spec|e2e-spec)\\.ts$|^test/|^node_modules/@types/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
    moduleSystems: ['es6', 'cjs'],
  },
};
