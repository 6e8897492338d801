import { z } from 'zod';
import { lengthClass } from '../content-facts.js';
import { entropyClass } from '../entropy-class.js';
import { defineContent, fields, text, type Inspection } from './content-definition.js';

const ofText = (value: string): Inspection => ({
  facts: { valueLength: lengthClass(value), strength: entropyClass(value) },
});

export const basicAuth = defineContent(fields({ username: text, password: text }), ({ password }) => ofText(password));

export const apiKey = defineContent(fields({ key: text }), ({ key }) => ofText(key));

export const generic = defineContent(fields({ content: text }), ({ content }) => ofText(content));

const isFilledObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length > 0;

/** Any JSON object with at least one key; its values are whatever JSON can hold. */
export const keyValue = defineContent(z.unknown().refine(isFilledObject, 'must hold at least one key'), () => ({
  facts: {},
}));
