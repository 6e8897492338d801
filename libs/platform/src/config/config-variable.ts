import { readFileSync } from 'node:fs';
import { AppError } from '@claviger/kernel';
import type { z } from 'zod';

/** One environment variable: how it is parsed, what it means, and whether its value is a secret. */
export type ConfigVariable<T = unknown> = {
  readonly name: `CLAVIGER_${string}`;
  readonly description: string;
  /** A sensitive variable may also be given as `<NAME>_FILE`, the path of a file that holds the value. */
  readonly sensitive: boolean;
  /** Parses the text, or undefined when the variable is not set; says the rule in its error message. */
  readonly schema: z.ZodType<T>;
};

export type Concern = Readonly<Record<string, ConfigVariable>>;
export type ConcernValues<C extends Concern> = { readonly [K in keyof C]: z.infer<C[K]['schema']> };

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Parses the variables of one concern.
 *
 * @throws AppError `CONFIG_INVALID` that lists every bad variable with its rule, never a value
 */
export function parseConcern<C extends Concern>(concern: C, env: Environment): ConcernValues<C> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, variable] of Object.entries(concern)) {
    const text = readVariable(variable, env, problems);
    const parsed = variable.schema.safeParse(text === '' ? undefined : text);
    if (parsed.success) values[key] = parsed.data;
    else problems.push(`${variable.name}: ${parsed.error.issues.map((issue) => issue.message).join(', ')}`);
  }
  if (problems.length > 0)
    throw new AppError({
      code: 'CONFIG_INVALID',
      kind: 'invalid',
      message: `The configuration is wrong. ${problems.join('; ')}.`,
      details: { problems },
    });
  return values as ConcernValues<C>;
}

function readVariable(variable: ConfigVariable, env: Environment, problems: string[]): string | undefined {
  const direct = env[variable.name];
  const file = variable.sensitive ? env[`${variable.name}_FILE`] : undefined;
  if (!file) return direct;
  if (direct) {
    problems.push(`${variable.name}: set it or ${variable.name}_FILE, not both`);
    return undefined;
  }
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    problems.push(
      `${variable.name}_FILE: the file cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`,
    );
    return undefined;
  }
}
