/** The Jest projects that arguments select, all unless they select some, and the arguments without that. */
export function splitProjects(args, all) {
  const at = args.indexOf('--selectProjects');
  if (at < 0) return { projects: all, rest: args };
  const after = args.slice(at + 1);
  const end = after.findIndex((arg) => arg.startsWith('-'));
  const projects = end < 0 ? after : after.slice(0, end);
  return { projects, rest: [...args.slice(0, at), ...(end < 0 ? [] : after.slice(end))] };
}
