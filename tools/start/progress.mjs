import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { root } from './root.mjs';

const HEAD_LINES = 10;
const TAIL_LINES = 30;
const SAY_EVERY_MS = 10_000;
const STOP_LIMIT_MS = 2_000;

/**
 * Runs one long step as a child process: says on standard error that it runs and how long it took, and shows its output
 * only if it fails, which ends this process too. A signal to this process ends the child first.
 *
 * @param {{ title: string, file: string, args: string[], env?: NodeJS.ProcessEnv }} step
 */
export async function runStep({ title, file, args, env = process.env }) {
  const line = startLine(title);
  const result = await runToEnd(file, args, env);
  if (result.code === 0) return line.end('done');
  if (result.signal) process.exit(128 + constants.signals[result.signal]);
  line.end('failed');
  process.stderr.write(`${shortened(result.output.trimEnd().split('\n')).join('\n')}\n`);
  process.exit(1);
}

/** Programs say what went wrong at the beginning or at the end of their output. */
function shortened(lines) {
  return lines.length <= HEAD_LINES + TAIL_LINES
    ? lines
    : [...lines.slice(0, HEAD_LINES), '…', ...lines.slice(-TAIL_LINES)];
}

/** Runs a program to its end. `signal` is the one that this process was asked to end with meanwhile, if any. */
export function runToEnd(file, args, env = process.env) {
  return new Promise((resolve) => {
    const output = [];
    const child = spawn(file, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let asked;
    const forward = (signal) => {
      asked = signal;
      child.kill(signal);
      // npm goes on for a minute after a SIGTERM; what it leaves half-made is made again by the next start.
      setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS).unref();
    };
    process.on('SIGINT', forward).on('SIGTERM', forward);
    const finish = (code) => {
      process.off('SIGINT', forward).off('SIGTERM', forward);
      resolve({ code: asked ? 1 : code, signal: asked, output: output.join('') });
    };
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => output.push(text));
    child.once('error', (error) => {
      output.push(`${file}: ${error.message}\n`);
      finish(1);
    });
    child.once('close', finish).once('exit', (code) => asked && finish(code));
  });
}

/** One line that shows the seconds while a step runs: rewritten in a terminal, else repeated now and then. */
function startLine(title) {
  const isTerminal = process.stderr.isTTY === true;
  const startedAt = Date.now();
  const seconds = () => `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
  const say = (state) => process.stderr.write(isTerminal ? `\r${title} … ${state}\u001b[K` : `${title} … ${state}\n`);
  if (isTerminal) say('');
  else process.stderr.write(`${title} …\n`);
  const timer = setInterval(() => say(seconds()), isTerminal ? 200 : SAY_EVERY_MS);
  return {
    end(state) {
      clearInterval(timer);
      say(`${state} (${seconds()})`);
      if (isTerminal) process.stderr.write('\n');
    },
  };
}
