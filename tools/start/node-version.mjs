// Syntax that Node 12 understands: an old Node must get as far as the sentence.
const MINIMUM = [20, 19];

/** Ends the process with one sentence when this Node is too old. */
export function requireNode() {
  const version = process.versions.node.split('.').map(Number);
  if (version[0] > MINIMUM[0] || (version[0] === MINIMUM[0] && version[1] >= MINIMUM[1])) return;
  process.stderr.write(
    'Claviger needs Node ' +
      MINIMUM.join('.') +
      ' or newer, and this is ' +
      process.versions.node +
      '; install a newer one (https://nodejs.org).\n',
  );
  process.exit(1);
}
