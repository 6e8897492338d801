import type { FastifyReply } from 'fastify';

/** Sends a record's revision as its ETag. */
export function tagged<T extends { readonly revision: number }>(reply: FastifyReply, record: T): T {
  void reply.header('etag', `"${record.revision}"`);
  return record;
}
