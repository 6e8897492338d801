const NAME = /^[a-z0-9][a-z0-9._-]{0,127}$/;

/** True for a name that a policy can have: 1 to 128 of `a-z 0-9 . _ -`, beginning with a letter or digit. */
export function isPolicyName(text: string): boolean {
  return NAME.test(text);
}
