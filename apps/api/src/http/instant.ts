import { z } from 'zod';

/** A moment in a request: RFC 3339 with an offset. */
export const moment = z.iso.datetime({ offset: true }).max(64).meta({ example: '2027-01-01T00:00:00Z' });

/** A moment in an answer: a Date here, RFC 3339 in UTC on the wire. */
export const instant = z.date().meta({ override: { type: 'string', format: 'date-time' } });
