/** A JSON Schema as far as sizes go. */
type Schema = {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly 'x-maxBytes'?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly propertyNames?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
};

/** Which parts of what an operation takes have no stated limit on their size; each as `<operation> <where>`. */
export function unboundedInputs(
  name: string,
  operation: {
    readonly parameters?: readonly { readonly in: string; readonly name: string; readonly schema: object }[];
    readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  },
): string[] {
  const parameters = operation.parameters ?? [];
  const bodies = Object.values(operation.requestBody?.content ?? {});
  return [
    ...parameters.flatMap((parameter) => unbounded(parameter.schema, `${name} ${parameter.in}/${parameter.name}`)),
    ...bodies.flatMap(({ schema }) => unbounded(schema, `${name} #`)),
  ];
}

function unbounded(schema: Schema, at: string): string[] {
  if (schema['x-maxBytes'] !== undefined || schema.enum !== undefined || 'const' in schema) return [];
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives) return alternatives.flatMap((one) => unbounded(one, at));
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? ['anything']);
  return types.flatMap((type) => RULES[type]?.(schema, at) ?? [`${at}: ${type}`]);
}

const none: string[] = [];
const numbers = ({ minimum, maximum }: Schema, at: string): string[] =>
  minimum === undefined || maximum === undefined ? [`${at}: minimum and maximum`] : none;

const RULES: Readonly<Record<string, (schema: Schema, at: string) => string[]>> = {
  null: () => none,
  boolean: () => none,
  integer: numbers,
  number: numbers,
  string: ({ maxLength, format, pattern }, at) =>
    maxLength !== undefined || format === 'uuid' || isBoundedPattern(pattern) ? none : [`${at}: maxLength`],
  array: ({ maxItems, items = {} }, at) => [
    ...(maxItems === undefined ? [`${at}: maxItems`] : []),
    ...unbounded(items, `${at}/*`),
  ],
  object: (schema, at) => [
    ...Object.entries(schema.properties ?? {}).flatMap(([key, value]) => unbounded(value, `${at}/${key}`)),
    ...(schema.additionalProperties === false || schema.properties ? none : unboundedRecord(schema, at)),
  ],
};

function unboundedRecord({ maxProperties, propertyNames = {}, additionalProperties }: Schema, at: string): string[] {
  const values = typeof additionalProperties === 'object' ? additionalProperties : {};
  return [
    ...(maxProperties === undefined ? [`${at}: maxProperties`] : []),
    ...unbounded(propertyNames, `${at}/(names)`),
    ...unbounded(values, `${at}/*`),
  ];
}

/** True for a pattern of the whole text that repeats nothing without end. */
function isBoundedPattern(pattern: string | undefined): boolean {
  if (!pattern?.startsWith('^') || !pattern.endsWith('$')) return false;
  const outsideClasses = pattern.replaceAll(/\\./g, 'x').replaceAll(/\[[^\]]*\]/g, 'x');
  return !/[*+]|\{\d+,\}/.test(outsideClasses);
}
