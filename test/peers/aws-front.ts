import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request: of Secrets Manager, which is asked in JSON; or of STS, which is asked in a form and has no `input`. */
export type AwsRequest = {
  readonly action: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** Of STS. */
  readonly form: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
};

/** What stands in front of the emulator does with one request: undefined passes it on. */
export type AwsRule = (request: AwsRequest, response: ServerResponse) => undefined | 'answered';

/** A server before the emulator: it refuses what AWS refuses and moto does not, and shows faults that moto cannot. */
export type AwsFront = {
  readonly address: string;
  /** What it does before anything else; at first nothing. */
  rule: AwsRule;
  /** How many secrets it answers for at once when it is asked for several; AWS may divide its answers. */
  batchPage: number;
  /** What came, in its order. */
  readonly requests: AwsRequest[];
  close(): Promise<void>;
};

const isSts = ({ headers }: AwsRequest): boolean => headers['x-amz-target'] === undefined;

/** Names of the actions that came. */
export const actionsOf = ({ requests }: AwsFront): readonly string[] => requests.map(({ action }) => action);

/** Answers everything itself. */
export function answering(status: number, body: string, headers: Readonly<Record<string, string>> = {}): AwsRule {
  return (_, response) => {
    response.writeHead(status, headers).end(body);
    return 'answered';
  };
}

/** The form in which AWS refuses: HTTP 400 and the name of the error in `__type`. */
export function refusing(name: string, headers: Readonly<Record<string, string>> = {}): AwsRule {
  const body = JSON.stringify({ __type: name, message: 'canary of a message' });
  const answer = answering(400, body, headers);
  return (request, response) => (isSts(request) ? undefined : answer(request, response));
}

/** Lets the server do its work, and closes the connection instead of handing over the answer. */
export const loseAnswers: AwsRule = (_, response) => {
  response.writeHead = () => response;
  response.end = () => {
    response.socket?.destroy();
    return response;
  };
  return undefined;
};

export async function startAwsFront(target: string): Promise<AwsFront> {
  const dates = new VersionDates();
  const server = createServer((request, response) => {
    handle({ front, target, dates }, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const front: AwsFront = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    rule: () => undefined,
    batchPage: 20,
    requests: [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return front;
}

type Passage = { readonly front: AwsFront; readonly target: string; readonly dates: VersionDates };

async function handle(
  { front, target, dates }: Passage,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const header = incoming.headers['x-amz-target'];
  const form = header === undefined ? Object.fromEntries(new URLSearchParams(body.toString())) : {};
  const request = {
    action: typeof header === 'string' ? header.replace('secretsmanager.', '') : (form['Action'] ?? ''),
    form,
    input: header === undefined ? {} : (JSON.parse(body.toString()) as Record<string, unknown>),
    headers: incoming.headers,
  };
  front.requests.push(request);
  if (front.rule(request, response) === 'answered') return;
  const ask: Ask = (name, asked) => pass(target, incoming.headers, name, asked);
  const refusal = isSts(request) ? undefined : await refusalOfAws(request, ask);
  if (refusal !== undefined) {
    response.writeHead(400).end(JSON.stringify({ __type: refusal, message: 'refused as AWS does' }));
    return;
  }
  if (request.action === 'BatchGetSecretValue')
    return void response.writeHead(200).end(JSON.stringify(await batchOf(front, request, ask)));
  const answer = await fetch(target, {
    method: 'POST',
    headers: headersOf(incoming.headers),
    body: new Uint8Array(body),
  }).catch(() => undefined);
  if (!answer) return void response.destroy();
  const told = Buffer.from(await answer.arrayBuffer());
  response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
  response.end(answer.ok && !isSts(request) ? dates.correct(request.action, told) : told);
}

/** A batch of which moto gives a page, and of whose secrets without a value it hears nothing: it would fail for them. */
async function batchOf(front: AwsFront, { input }: AwsRequest, ask: Ask): Promise<object> {
  const { SecretIdList = [], NextToken = '0' } = input as { SecretIdList?: readonly string[]; NextToken?: string };
  const end = Number(NextToken) + front.batchPage;
  const page = SecretIdList.slice(Number(NextToken), end);
  const looks = await Promise.all(page.map((SecretId) => ask('DescribeSecret', { SecretId })));
  const isEmpty = ({ status, body }: Answer): boolean =>
    status === 200 && Object.keys(body.VersionIdsToStages ?? {}).length === 0;
  const { body } = await ask('BatchGetSecretValue', {
    SecretIdList: page.filter((_, index) => !isEmpty(looks[index]!)),
  });
  const empty = page.filter((_, index) => isEmpty(looks[index]!));
  const Errors = empty.map((SecretId) => ({ SecretId, ErrorCode: 'ResourceNotFoundException', Message: 'no value' }));
  return {
    ...body,
    Errors: [...(body.Errors ?? []), ...Errors],
    NextToken: end < SecretIdList.length ? String(end) : undefined,
  };
}

type VersionsAnswer = {
  readonly ARN?: string;
  readonly VersionId?: string;
  readonly Versions?: readonly { readonly VersionId: string }[];
};

/** When versions were made. moto tells the time of asking as the date of all of them. */
class VersionDates {
  readonly #madeAt = new Map<string, number>();

  /** The answer with dates that stay, and notes what was made. */
  correct(action: string, told: Buffer): Buffer {
    if (!['CreateSecret', 'PutSecretValue', 'ListSecretVersionIds'].includes(action)) return told;
    const answer = JSON.parse(told.toString()) as VersionsAnswer;
    if (answer.VersionId !== undefined) this.#dateOf(answer, answer.VersionId);
    if (!answer.Versions) return told;
    const Versions = answer.Versions.map((one) => ({ ...one, CreatedDate: this.#dateOf(answer, one.VersionId) }));
    return Buffer.from(JSON.stringify({ ...answer, Versions }));
  }

  #dateOf({ ARN }: VersionsAnswer, version: string): number {
    const key = `${ARN} ${version}`;
    const madeAt = this.#madeAt.get(key) ?? Date.now() / 1_000;
    this.#madeAt.set(key, madeAt);
    return madeAt;
  }
}

type Answer = {
  readonly status: number;
  readonly body: {
    readonly DeletedDate?: number;
    readonly VersionIdsToStages?: object;
    readonly Errors?: readonly object[];
  };
};
type Ask = (action: string, input: object) => Promise<Answer>;

const WHILE_WAITING = new Set(['PutSecretValue', 'TagResource', 'UntagResource', 'UpdateSecret', 'GetSecretValue']);

/**
 * What AWS refuses, by its documentation and recorded answers, and moto 5.2.5 lets through or answers in another way.
 */
async function refusalOfAws({ action, input }: AwsRequest, ask: Ask): Promise<string | undefined> {
  const { Name, SecretId = Name, SecretString, ClientRequestToken, SecretIdList } = input;
  if (Array.isArray(SecretIdList) && (SecretIdList.length === 0 || SecretIdList.length > 20))
    return 'ValidationException';
  if (typeof Name === 'string' && !/^[A-Za-z0-9/_+=.@-]{1,512}$/.test(Name)) return 'ValidationException';
  if (typeof SecretString === 'string' && Buffer.byteLength(SecretString) > 65_536) return 'ValidationException';
  if (typeof ClientRequestToken === 'string' && !/^.{32,64}$/.test(ClientRequestToken))
    return 'InvalidParameterException';
  if (typeof SecretId !== 'string') return undefined;
  const { status, body } = await ask('DescribeSecret', { SecretId });
  const isWaiting = status === 200 && typeof body.DeletedDate === 'number';
  if (isWaiting && (WHILE_WAITING.has(action) || action === 'CreateSecret')) return 'InvalidRequestException';
  if (action === 'RestoreSecret' && status === 200 && !isWaiting) return 'InvalidRequestException';
  if (action === 'ListSecretVersionIds' && status !== 200) return 'ResourceNotFoundException';
  return undefined;
}

async function pass(
  target: string,
  headers: IncomingMessage['headers'],
  action: string,
  input: object,
): Promise<Answer> {
  const answer = await fetch(target, {
    method: 'POST',
    headers: { ...headersOf(headers), 'x-amz-target': `secretsmanager.${action}` },
    body: JSON.stringify(input),
  });
  return { status: answer.status, body: (await answer.json()) as Answer['body'] };
}

/** Without those that belong to one connection or one body. */
function headersOf(headers: IncomingMessage['headers']): Record<string, string> {
  const kept = Object.entries(headers).filter(
    ([name]) => !['host', 'content-length', 'connection', 'transfer-encoding', 'expect'].includes(name),
  );
  return Object.fromEntries(kept) as Record<string, string>;
}
