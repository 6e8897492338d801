import { spawn } from 'node:child_process';

import { cleanEnvironment } from './clean-environment.js';
import { commandAs } from './run-as.js';
import type { RunAs } from './run-as.policy.js';

/** How a program ended: its exit code (null when a signal ended it) and the last lines that it wrote. */
export type ProgramResult = { readonly code: number | null; readonly tail: string };

/**
 * Runs a PostgreSQL program to its end, in a session of its own so that a Ctrl-C does not cut it off half-way, with
 * `input` on its standard input. Rejects only when it cannot be started.
 */
export function runProgram(runAs: RunAs, file: string, args: readonly string[], input = ''): Promise<ProgramResult> {
  const command = commandAs(runAs, file, args);
  return new Promise((resolve, reject) => {
    const child = spawn(command.file, command.args, {
      uid: command.uid,
      gid: command.gid,
      env: cleanEnvironment,
      cwd: '/',
      detached: true,
    });
    const output: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => output.push(text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, tail: lastLines(output.join('')) }));
    child.stdin.on('error', () => undefined).end(input);
  });
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' ');
}
