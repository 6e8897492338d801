/** Nest injection token of the {@link WebhookSender}. */
export const WEBHOOK_SENDER = Symbol('WEBHOOK_SENDER');
/** Nest injection token of the {@link MailSender}. */
export const MAIL_SENDER = Symbol('MAIL_SENDER');

export type WebhookPost = {
  readonly url: string;
  /** PEM of the only authorities trusted, where it is not null. */
  readonly caCertificate: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** What a receiver answered, or why there is no answer, as a code. */
export type WebhookAnswer =
  { readonly statusCode: number; readonly retryAfterMs?: number | undefined } | { readonly error: string };

/** Posts to receivers of webhooks. The composition root provides it, because features open no connections. */
export interface WebhookSender {
  /**
   * Connects only where the network policy allows, by plain http only within private networks, follows no redirect, and
   * ends within 15 seconds. Never rejects; nothing of the answer but what is returned is read by anybody.
   */
  post(message: WebhookPost): Promise<WebhookAnswer>;
}

export type Mail = {
  /** Stays the same however often it is sent. */
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
};

/** What the mail server answered, or why there is no answer, as a code. */
export type MailAnswer =
  | { readonly statusCode: number }
  | { readonly error: string; readonly statusCode?: number | undefined; readonly isPermanent: boolean };

/** Hands mail to the server of the configuration. */
export interface MailSender {
  /** False while there is no server: mail waits then. */
  readonly isConfigured: boolean;
  /** Never rejects, and ends within seconds. */
  send(mail: Mail): Promise<MailAnswer>;
}
