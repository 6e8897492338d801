import { z } from 'zod';
import type { ZodOpenApiOverrideContext } from 'zod-openapi';

type Flag<T> = z.ZodType<T, 'true' | 'false' | undefined>;

const flag = z.enum(['true', 'false']);
const isTrue = (text: 'true' | 'false'): boolean => text === 'true';

/** A yes or no in a query: `true` or `false` as text, which OpenAPI calls a boolean. */
export function queryFlag(description: string, fallback: boolean): Flag<boolean> {
  return flag
    .default(fallback ? 'true' : 'false')
    .transform(isTrue)
    .meta({ description, override: asBoolean({ default: fallback }) });
}

/** The same, where leaving it out means neither. */
export function optionalQueryFlag(description: string): Flag<boolean | undefined> {
  return flag
    .transform(isTrue)
    .meta({ description, override: asBoolean({}) })
    .optional();
}

function asBoolean(more: { readonly default?: boolean }): (context: ZodOpenApiOverrideContext) => void {
  return ({ jsonSchema }) => {
    delete jsonSchema.enum;
    Object.assign(jsonSchema, { type: 'boolean', ...more });
  };
}
