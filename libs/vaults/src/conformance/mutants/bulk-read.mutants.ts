import type { ReadAnswer, VaultAdapter, VaultContent } from '../../contract/index.js';
import { failure, look, textOf, type Mutant, type Mutants } from './mutation.js';

type Answers = readonly ReadAnswer[];
type Named = readonly string[];

/** The answers of bulk reads come out changed. */
const answering =
  (change: (answers: Answers, names: Named) => Answers): Mutant =>
  (real) => ({
    readMany: async (call, names) => change(await real.readMany(call, names), names),
  });

/** A bulk read fails as a whole where the answer to one name has this error. */
const spoiledBy = (code: 'NOT_FOUND' | 'INVALID_NAME' | 'VERSION_UNAVAILABLE', real: VaultAdapter) => ({
  readMany: async (...asked: Parameters<VaultAdapter['readMany']>): Promise<Answers> => {
    const answers = await real.readMany(...asked);
    for (const { error } of answers) if (error?.vaultCode === code) throw error;
    return answers;
  },
});

export const BULK_READ_MUTANTS: Mutants = {
  'reads several objects at once, in the order of the names asked for': answering((answers) =>
    [...answers].sort((a, b) => (a.name < b.name ? -1 : 1)),
  ),
  'answers a name of a bulk read as often as it is asked for': answering((answers) => [
    ...new Map(answers.map((answer) => [answer.name, answer])).values(),
  ]),
  'answers NOT_FOUND for what is absent, and gives the others all the same': (real, vault) => ({
    readMany: (call, names) => {
      const isWaiting = names.some((name) => vault.snapshot().get(name)?.isWaiting);
      return isWaiting ? real.readMany(call, names) : spoiledBy('NOT_FOUND', real).readMany(call, names);
    },
  }),
  'answers INVALID_NAME for a name that is not allowed, and gives the others all the same': (real) =>
    spoiledBy('INVALID_NAME', real),
  'gives the current version of each object of a bulk read': (real) => ({
    readMany: async (call, names) => {
      const answers = await real.readMany(call, names);
      const first = async (answer: ReadAnswer): Promise<ReadAnswer> => {
        const versions = (await look(real, call, answer.name))?.versions ?? [];
        if (answer.error || versions.length < 2) return answer;
        return { name: answer.name, found: await real.read(call, answer.name, versions[0]!.version) };
      };
      return Promise.all(answers.map(first));
    },
  }),
  'answers VERSION_UNAVAILABLE for what is hidden, and gives the others all the same': (real) =>
    spoiledBy('VERSION_UNAVAILABLE', real),
  'answers NOT_FOUND for what waits for its deletion, and gives the others all the same': (real, vault) => ({
    readMany: async (call, names) =>
      (await real.readMany(call, names)).map((answer) =>
        vault.snapshot().get(answer.name)?.isWaiting
          ? { name: answer.name, error: failure('PENDING_DELETION', 'readMany') }
          : answer,
      ),
  }),
  'reads as many objects at once as the card says': {
    alsoBreaks: ['reads as many contents of the greatest size at once'],
    mutant: answering((answers) => answers.slice(0, 6)),
  },
  'reads as many contents of the greatest size at once': answering((answers) => {
    let room = 512 * 1024;
    return answers.filter(({ found }) => (room -= found ? textOf(found.content).length : 0) > 0);
  }),
  'refuses to read more at once than the card says with UNSUPPORTED': (real) => ({
    readMany: async (call, names) => [
      ...(await real.readMany(call, names.slice(0, 7))),
      ...(names.length > 7 ? await real.readMany(call, names.slice(7)) : []),
    ],
  }),
  'answers nothing where nothing is asked for': (real) => ({
    readMany: async (call, names) => {
      if (names.length === 0 && !call.signal.aborted) throw failure('INVALID_VALUE', 'readMany');
      return real.readMany(call, names);
    },
  }),
  'refuses to read several at once with UNSUPPORTED where that cannot be done': (real) => ({
    readMany: async (call, names) =>
      Promise.all(names.map(async (name) => ({ name, found: await real.read(call, name) }))),
  }),
  'gives the contents of a bulk read wrapped, so that printing them shows nothing': answering((answers) =>
    answers.map((answer) => {
      if (answer.error) return answer;
      const text = textOf(answer.found.content);
      const content = { text, reveal: () => text } as unknown as VaultContent;
      return { name: answer.name, found: { ...answer.found, content } };
    }),
  ),
};
