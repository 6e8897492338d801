import { BULK_READING } from './cases/bulk-read.cases.js';
import { CANCELLATION } from './cases/cancellation.cases.js';
import { CARD } from './cases/card.cases.js';
import { CREATE } from './cases/create.cases.js';
import { DELETION } from './cases/deletion.cases.js';
import { ERRORS } from './cases/errors.cases.js';
import { LISTING } from './cases/listing.cases.js';
import { METADATA } from './cases/metadata.cases.js';
import { NAMES } from './cases/names.cases.js';
import { PUT } from './cases/put.cases.js';
import { RECOVERY } from './cases/recovery.cases.js';
import { VALUES } from './cases/values.cases.js';
import { VERSIONS } from './cases/versions.cases.js';
import type { ConformanceTheme } from './conformance-case.js';

/** Every promise of the contract that can be tested from outside, as data, by theme. */
export const CONFORMANCE_THEMES: readonly ConformanceTheme[] = [
  CARD,
  NAMES,
  VALUES,
  CREATE,
  PUT,
  VERSIONS,
  METADATA,
  DELETION,
  RECOVERY,
  LISTING,
  BULK_READING,
  ERRORS,
  CANCELLATION,
];

export const CONFORMANCE_CASES = CONFORMANCE_THEMES.flatMap((theme) => theme.cases);
