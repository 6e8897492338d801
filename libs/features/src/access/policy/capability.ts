/**
 * What a policy can grant on a path, in Vault's words (ACL policy language). `sudo` grants nothing by itself: it is asked
 * for besides the operation's own capability on root-protected paths. `deny` wipes every other capability of its pattern.
 */
export const CAPABILITIES = ['create', 'read', 'update', 'patch', 'delete', 'list', 'scan', 'sudo', 'deny'] as const;

export type Capability = (typeof CAPABILITIES)[number];

/**
 * What a request does to a path, the same words on both surfaces. Writing is `create` when the object is absent and
 * `update` when it exists (or when its endpoint has no existence check). `list` and `scan` paths end with `/`. `help` is
 * allowed to everyone. Every operation but `help` needs the capability of the same name.
 */
export const OPERATIONS = ['create', 'read', 'update', 'patch', 'delete', 'list', 'scan', 'help'] as const;

export type Operation = (typeof OPERATIONS)[number];

/** A set of capabilities, one bit each. */
export type CapabilityMask = number;

const BIT: Readonly<Record<Capability, CapabilityMask>> = {
  create: 1,
  read: 2,
  update: 4,
  patch: 8,
  delete: 16,
  list: 32,
  scan: 64,
  sudo: 128,
  deny: 256,
};

/** The set of exactly one capability. */
export function capabilityBit(capability: Capability): CapabilityMask {
  return BIT[capability];
}

/** The set of these capabilities; one that holds `deny` is `deny` alone. */
export function capabilityMask(capabilities: Iterable<Capability>): CapabilityMask {
  let mask = 0;
  for (const capability of capabilities) mask |= BIT[capability];
  return withoutDenied(mask);
}

/** `deny` wipes the rest of a set. */
export function withoutDenied(mask: CapabilityMask): CapabilityMask {
  return mask & BIT.deny ? BIT.deny : mask;
}

/** The capabilities of a set, in the order of {@link CAPABILITIES}. */
export function capabilitiesOf(mask: CapabilityMask): readonly Capability[] {
  return CAPABILITIES.filter((capability) => mask & BIT[capability]);
}

/** True for a word of {@link CAPABILITIES}; they are case-sensitive. */
export function isCapability(text: string): text is Capability {
  return (CAPABILITIES as readonly string[]).includes(text);
}

/** True for a word of {@link OPERATIONS}. */
export function isOperation(text: string): text is Operation {
  return (OPERATIONS as readonly string[]).includes(text);
}
