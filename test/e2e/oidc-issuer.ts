import { createHash, randomBytes } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';

const CLIENT = { client_id: 'claviger', client_secret: 'the secret of the client' };
const SERVICE = { client_id: 'shop-service', client_secret: 'the secret of the service' };
const API = 'https://claviger.example/api';
const REDIRECT = 'https://app.example/callback';

/** How long the ID tokens live. */
export const ID_TOKEN_SECONDS = 300;

type Key = { readonly jwk: JWK; readonly privateKey: CryptoKey; readonly publicKey: CryptoKey };
type Claims = Readonly<Record<string, unknown>>;

/** A real OpenID provider on loopback, with accounts that say of themselves what a test wants. */
export class OidcIssuer {
  /** The client that ID tokens are for. */
  readonly audience = CLIENT.client_id;
  /** Whom access tokens of services are for. */
  readonly apiAudience = API;
  /** The name of the service, which its access tokens have as their subject. */
  readonly service = SERVICE.client_id;
  readonly #accounts = new Map<string, Claims>();
  #serve: RequestListener = (_, response) => void response.writeHead(503).end();
  #key: Key | undefined;
  #keys = 0;

  private constructor(
    private readonly server: Server,
    readonly issuer: string,
  ) {}

  static async start(): Promise<OidcIssuer> {
    const server = createServer((request, response) => made.#serve(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const made = new OidcIssuer(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await made.rotate();
    return made;
  }

  /** The key that it signs with. */
  get key(): Key {
    return this.#key!;
  }

  /** Signs with a new key from now on, and publishes that alone; sessions and grants are gone. */
  async rotate(): Promise<void> {
    const pair = await generateKeyPair('RS256', { extractable: true });
    const jwk = { ...(await exportJWK(pair.privateKey)), kid: `key-${(this.#keys += 1)}`, alg: 'RS256', use: 'sig' };
    this.#key = { ...pair, jwk };
    // It warns of what is right for a test alone: keys and accounts in memory, forms without a password.
    const quiet = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    try {
      const { Provider } = await import('oidc-provider');
      this.#serve = new Provider(this.issuer, this.#configuration(jwk)).callback();
    } finally {
      quiet.mockRestore();
    }
  }

  /** Answers nothing but an error from now on, until it rotates. */
  fail(): void {
    this.#serve = (_, response) => void response.writeHead(503).end();
  }

  /** The ID token of somebody with these claims, by the authorization code flow with PKCE, as a browser and a client go it. */
  async idToken(account: string, claims: Claims = {}): Promise<string> {
    this.#accounts.set(account, claims);
    const verifier = randomBytes(32).toString('base64url');
    const code = await this.#authorize(account, createHash('sha256').update(verifier).digest('base64url'));
    const grant = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT, code_verifier: verifier };
    return (await this.#token({ ...grant, ...CLIENT })).id_token!;
  }

  /** The access token of a service, by its own credentials. */
  async accessToken(): Promise<string> {
    return (await this.#token({ grant_type: 'client_credentials', resource: API, ...SERVICE })).access_token!;
  }

  /** A token with claims that no provider would put into one, signed with its key. */
  async sign(claims: JWTPayload, header: object = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1_000);
    const all = { iss: this.issuer, aud: this.audience, sub: 'ada', iat: now, exp: now + 60, ...claims };
    const jwt = new SignJWT(all).setProtectedHeader({ alg: 'RS256', kid: this.key.jwk.kid!, ...header });
    return jwt.sign(this.key.privateKey);
  }

  async close(): Promise<void> {
    await new Promise((resolve) => {
      this.server.close(resolve);
      this.server.closeAllConnections();
    });
  }

  #configuration(jwk: JWK): object {
    return {
      jwks: { keys: [jwk] },
      clients: [
        { ...CLIENT, redirect_uris: [REDIRECT], token_endpoint_auth_method: 'client_secret_post' },
        {
          ...SERVICE,
          redirect_uris: [],
          response_types: [],
          grant_types: ['client_credentials'],
          token_endpoint_auth_method: 'client_secret_post',
        },
      ],
      cookies: { keys: ['only for this test'] },
      // Claims of a scope stand in the ID token itself, not in the answer of the user info endpoint alone.
      conformIdTokenClaims: false,
      claims: { openid: ['sub'], profile: ['name', 'email', 'email_verified', 'groups'] },
      ttl: {
        IdToken: ID_TOKEN_SECONDS,
        AccessToken: 300,
        ClientCredentials: 300,
        Interaction: 300,
        Session: 300,
        Grant: 300,
      },
      findAccount: (_: unknown, accountId: string) => ({
        accountId,
        claims: () => ({ sub: accountId, ...this.#accounts.get(accountId) }),
      }),
      features: {
        devInteractions: { enabled: true },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: () => ({ scope: '', audience: API, accessTokenFormat: 'jwt', accessTokenTTL: 300 }),
        },
      },
    };
  }

  /** Goes to the provider as a browser does: follows it, keeps its cookies, fills its forms in. */
  async #authorize(account: string, challenge: string): Promise<string> {
    const query = new URLSearchParams({
      client_id: CLIENT.client_id,
      response_type: 'code',
      scope: 'openid profile',
      redirect_uri: REDIRECT,
      code_challenge: challenge,
      code_challenge_method: 'S256',
    });
    const cookies = new Map<string, string>();
    let next = new URL(`/auth?${query}`, this.issuer);
    let form: URLSearchParams | undefined;
    for (let steps = 0; steps < 12; steps += 1) {
      if (next.href.startsWith(REDIRECT)) return next.searchParams.get('code')!;
      const response = await fetch(next, {
        method: form ? 'POST' : 'GET',
        redirect: 'manual',
        headers: { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') },
        ...(form ? { body: form } : {}),
      });
      for (const cookie of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
        cookies.set(name!, value!);
      }
      const html = await response.text();
      const location = response.headers.get('location');
      const action = /action="([^"]+)"/.exec(html)?.[1];
      if (location === null && action === undefined)
        throw new Error(`The provider answered ${response.status}: ${html}`);
      form = location === null ? formOf(html, account) : undefined;
      next = new URL(location ?? action!, next);
    }
    throw new Error('The provider leads in a circle.');
  }

  async #token(parameters: Record<string, string>): Promise<{ id_token?: string; access_token?: string }> {
    const response = await fetch(`${this.issuer}/token`, { method: 'POST', body: new URLSearchParams(parameters) });
    if (response.status !== 200) throw new Error(`The provider answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as { id_token?: string; access_token?: string };
  }
}

/** What a person would send: who they are, or that they agree. */
function formOf(html: string, account: string): URLSearchParams {
  const prompt = /name="prompt" value="([^"]+)"/.exec(html)![1]!;
  return new URLSearchParams(prompt === 'login' ? { prompt, login: account, password: 'x' } : { prompt });
}
