import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';

/** Whom the tokens of a {@link KeyServer} are for. */
export const AUDIENCE = 'claviger';

/** The least that an issuer is: a key that is published, and tokens signed with it. It ends with the process. */
export class KeyServer {
  static #one: Promise<KeyServer> | undefined;

  private constructor(
    readonly issuer: string,
    private readonly sign: (jwt: SignJWT) => Promise<string>,
  ) {}

  /** That of the test file. */
  static get(): Promise<KeyServer> {
    return (this.#one ??= this.#start());
  }

  static async #start(): Promise<KeyServer> {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one' }] });
    const server = createServer((_, response) => void response.end(keys));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    server.unref();
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return new KeyServer(issuer, (jwt) => jwt.sign(privateKey));
  }

  /** What makes it a login issuer. */
  get settings(): { readonly issuer: string; readonly jwksUrl: string; readonly audiences: readonly string[] } {
    return { issuer: this.issuer, jwksUrl: `${this.issuer}/keys`, audiences: [AUDIENCE] };
  }

  /** A token that is good for five minutes, unless the claims say otherwise. */
  token(claims: JWTPayload = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1_000);
    const all = { iss: this.issuer, aud: AUDIENCE, iat: now, exp: now + 300, ...claims };
    return this.sign(new SignJWT(all).setProtectedHeader({ alg: 'ES256', kid: 'one' }));
  }
}
