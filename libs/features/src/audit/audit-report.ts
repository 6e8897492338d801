/** The first link of the chain that does not hold. */
export type AuditFinding = {
  readonly code:
    | 'RECORD_UNREADABLE'
    | 'STORE_MIXED'
    | 'BATCH_CHANGED'
    | 'BATCH_MAC_WRONG'
    | 'BATCH_OUT_OF_ORDER'
    | 'SEAL_MISSING'
    | 'SEAL_SIGNATURE_WRONG'
    | 'SEAL_CHAIN_BROKEN'
    | 'SEAL_BATCHES_MISSING'
    | 'SEAL_BATCHES_ADDED'
    | 'SEAL_BATCHES_CHANGED'
    | 'SEAL_NOT_THE_ANCHORED'
    | 'EXPORT_SIGNATURE_WRONG'
    | 'EXPORT_MISSING'
    | 'EXPORT_FILE_CHANGED'
    | 'EXPORT_CUT'
    | 'KEPT_BATCHES_CHANGED'
    | 'ANCHORS_WENT_BACK'
    | 'TAIL_CUT';
  readonly message: string;
  /** The seal that is broken, or under which the broken batch of entries lies. */
  readonly seal: number;
  /** `<day>/<id>` of the batch's first entry. */
  readonly batch?: string;
};

/** What a verification saw of days that were exported and dropped. */
export type DroppedDays = {
  readonly throughDay: string;
  /** Entries of which the files were given. */
  readonly filledEntries: number;
  /** Entries and seals of which they were not. */
  readonly missingEntries: number;
  readonly missingSeals: number;
  /** Names of the first of those files. */
  readonly missingFiles: readonly string[];
};

/** What a verification saw. */
export type AuditReport = {
  readonly isIntact: boolean;
  /** Where it stopped; everything before holds. */
  readonly broken?: AuditFinding;
  readonly sealedEntries: number;
  /** How many seals there are, or the number of the last one. */
  readonly seals: number;
  /** The first seal that was there, where it is not number 1: files that begin later. */
  readonly firstSeal?: number;
  /** Undefined where nothing was. */
  readonly dropped?: DroppedDays;
  readonly lastSealedAt?: string;
  /** Entries after the last seal: only their MACs protect them, and nothing shows if one is gone. */
  readonly tail: { readonly count: number; readonly from?: string; readonly to?: string };
  readonly areMacsChecked: boolean;
  /** Where the keys came from that the signatures were checked with. */
  readonly keySource: 'keyring' | 'anchors' | 'export';
  /** Undefined without anchors. */
  readonly anchors?: {
    readonly matched: number;
    readonly vouchedUpTo?: { readonly seal: number; readonly sealedAt: string };
  };
};

const KEY_SOURCE = {
  keyring: "the store's own key",
  anchors: 'the public keys in the anchor file',
  export: 'the public keys in the export itself, which whoever made the export could have chosen',
} as const;

/** The report for people, line by line. */
export function describeReport(report: AuditReport): string[] {
  const { broken } = report;
  const lines = broken
    ? [
        `BROKEN at seal ${broken.seal}${broken.batch ? `, batch ${broken.batch}` : ''}: ${broken.message} [${broken.code}]`,
      ]
    : ['INTACT: every link holds.'];
  const last = report.lastSealedAt ? `, the last of ${report.lastSealedAt}` : '';
  const under = report.firstSeal ? `seals ${report.firstSeal} to ${report.seals}` : `${report.seals} seals`;
  lines.push(`${broken ? 'Before it hold' : 'Checked'}: ${report.sealedEntries} entries under ${under}${last}.`);
  if (report.firstSeal)
    lines.push(`Seals 1 to ${report.firstSeal - 1} are not in these files: nothing is said about what is before.`);
  if (report.dropped) lines.push(describeDropped(report.dropped));
  if (!broken) lines.push(describeTail(report));
  lines.push(`Signatures: checked with ${KEY_SOURCE[report.keySource]}.`);
  lines.push(report.areMacsChecked ? 'MACs: checked.' : "MACs: not checked; that needs the store's key.");
  lines.push(describeAnchors(report));
  return lines;
}

function describeTail({ tail }: AuditReport): string {
  if (tail.count === 0) return 'Unsealed tail: none.';
  return `Unsealed tail: ${tail.count} entries, from ${tail.from} to ${tail.to}; nothing would show if one of them were gone.`;
}

function describeDropped({ throughDay, ...dropped }: DroppedDays): string {
  const gone = `Days up to ${throughDay} were exported and dropped`;
  if (dropped.missingSeals === 0) return `${gone}; their files are complete (${dropped.filledEntries} entries).`;
  const names = dropped.missingFiles.join(', ');
  return `${gone}; ${dropped.missingEntries} entries under ${dropped.missingSeals} seals are in files that were not found. Give the directory with --files to vouch for them: ${names}.`;
}

function describeAnchors({ anchors }: AuditReport): string {
  if (!anchors) return 'Anchors: none given, so a cut end of the log would not show.';
  if (!anchors.vouchedUpTo) return 'Anchors: none that matches, so a cut end of the log would not show.';
  const { seal, sealedAt } = anchors.vouchedUpTo;
  return `Anchors: ${anchors.matched} match; they vouch for everything up to seal ${seal} of ${sealedAt}.`;
}
