/** Nest injection token of the {@link IssuerDocuments}. */
export const ISSUER_DOCUMENTS = Symbol('ISSUER_DOCUMENTS');

/** Fetches what issuers publish. The composition root provides it, because features open no connections. */
export interface IssuerDocuments {
  /**
   * The JSON document at an http or https address. It connects only where the network policy allows, follows no redirect,
   * sends nothing but the request, and ends within seconds, with an answer of bounded size. `caCertificate` is the PEM of
   * the only authorities trusted, where it is not null.
   * @throws Error for anything that is not a 200 with JSON; it quotes nothing of the answer
   */
  fetch(address: string, caCertificate: string | null): Promise<unknown>;
}
