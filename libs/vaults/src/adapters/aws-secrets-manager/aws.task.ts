import type { AdapterCall } from '@claviger/vaults/contract';

/** What a request is made for. */
export type AwsTask = {
  readonly call: AdapterCall;
  readonly operation: string;
  /** What an error is about, as the beginning of its message. */
  readonly subject: string;
};
