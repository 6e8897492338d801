const MAX_FRAMES = 8;
const HEADER = /^[\w$.]+(?: \[[\w$]+\])?(?:: |:?$)/;
const FRAME =
  /^\s+at (?:async )?(?:[\w$.<>#[\] ]{1,120} \()?(?:file:\/\/|node:|\/|[A-Za-z]:\\)[^\s()]{1,300}:\d+:\d+\)?$/;

/**
 * Where an error was made, without its message. A stack begins with the message, which may hold a value and may itself
 * look like frames; so the message is cut off exactly where it stands, and where it is not found there (it was changed
 * later) nothing is returned.
 *
 * @returns at most eight frames, innermost first, paths relative to the working directory
 */
export function stackFrames(error: Error): string[] {
  const { stack, message } = error;
  if (typeof stack !== 'string' || typeof message !== 'string') return [];
  const firstLine = message === '' ? stack.split('\n', 1)[0]! : stack;
  const header = HEADER.exec(firstLine)?.[0];
  if (header === undefined || !stack.startsWith(header + message)) return [];
  const rest = stack.slice(header.length + message.length);
  if (!rest.startsWith('\n')) return [];
  return rest
    .slice(1)
    .split('\n')
    .filter((line) => FRAME.test(line))
    .slice(0, MAX_FRAMES)
    .map(shorten);
}

function shorten(line: string): string {
  return line.trim().replace(/^at /, '').replace('file://', '').replace(`${process.cwd()}/`, '');
}
