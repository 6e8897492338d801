import { ApiModule, describeModule } from '../../dist/apps/api/src/index.js';
import { CONCERNS } from '../../dist/libs/platform/src/config/index.js';

/**
 * Every file that is generated from the program: its path in the project, and what it must contain.
 *
 * @type {{ path: string, make: () => string | Promise<string> }[]}
 */
export const generators = [
  { path: 'tools/start/help.txt', make: helpText },
  { path: 'docs/generated/configuration.md', make: configurationTable },
  { path: 'docs/generated/openapi.json', make: () => `${JSON.stringify(describeModule(ApiModule), null, 2)}\n` },
];

const variables = Object.values(CONCERNS).flatMap((concern) => Object.values(concern));

function helpText() {
  const width = Math.max(...variables.map(({ name }) => name.length));
  const lines = variables.map(({ name, description, sensitive, schema }) => {
    const note = [defaultOf(schema), sensitive ? `or ${name}_FILE` : undefined].filter(Boolean).join('; ');
    return `  ${name.padEnd(width)}  ${description}${note ? ` (${note})` : ''}`;
  });
  return `Usage: npm start [-- --help]

Installs and builds what is out of date, then starts Claviger on this machine: API and worker in one process on a
PostgreSQL of its own. Stop it with Ctrl-C.

Options:
  --help  Print this and end

Environment:
${lines.join('\n')}
`;
}

function configurationTable() {
  const rows = variables.map(({ name, description, sensitive, schema }) => {
    const fallback = defaultOf(schema)?.replace('default ', '') ?? '';
    return `| \`${name}\` | ${description} | ${fallback && `\`${fallback}\``} | ${sensitive ? `yes, also as \`${name}_FILE\`` : ''} |`;
  });
  return `# Configuration

Generated from \`libs/platform/src/config\` by \`npm run generate\`.

| variable | meaning | default | secret |
|---|---|---|---|
${rows.join('\n')}
`;
}

/** What a variable is when it is not set, as far as that is one short word. */
function defaultOf(schema) {
  const inner = unwrap(schema);
  if (inner === undefined || inner === '') return undefined;
  return `default ${inner}`;
}

/** The default that was declared: deeper in the schema than its transformations, which may depend on the machine. */
function unwrap({ def }) {
  if (def.type === 'default') return def.defaultValue;
  if (def.type === 'pipe') return unwrap(def.in);
  return undefined;
}
