/** `allowed`: done; `refused`: not permitted or not acceptable; `failed`: permitted, and then it went wrong. */
export const AUDIT_OUTCOMES = ['allowed', 'refused', 'failed'] as const;
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

/** Facts about what happened: names, numbers, codes. Never a secret value, a token, or anything derived from one. */
export type AuditDetails = Readonly<Record<string, string | number | boolean | null>>;

/** What happened, to which thing. Who, where from and when come from the context. */
export type AuditEvent = {
  /** `<noun>.<verb>`, for example `secret.read`. */
  readonly action: string;
  readonly outcome: AuditOutcome;
  readonly resource: {
    /** `secret`, `vault-profile`, `token` … */
    readonly kind: string;
    readonly id?: string;
    readonly name?: string;
  };
  /** A few facts; of an entry that would be very long, 16. */
  readonly details?: AuditDetails;
};
