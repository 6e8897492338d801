// What the demo prints: numbered steps, and under each what came of it.
let step = 0;

export const say = (line = '') => process.stdout.write(`${line}\n`);

export function heading(text) {
  step += 1;
  say();
  say(`${step}. ${text}`);
}

export const result = (text) => say(`   ${text}`);

/** Rows of equal length as columns. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  for (const row of rows)
    result(
      row
        .map((cell, column) => String(cell).padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    );
}
