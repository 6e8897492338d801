export {
  LENGTH_CLASSES,
  type CertificateFacts,
  type ContentFacts,
  type JwtFacts,
  type KeyStoreFacts,
  type LengthClass,
  type PrivateKeyFacts,
  type SecretKeyFacts,
} from './content-facts.js';
export { displayFingerprint, fingerprint, fingerprintKeyId, sameFingerprint } from './fingerprint.js';
export { generateContent } from './generate-content.js';
export { GENERATE_OPTIONS, generateOptionsSchema, type GenerateOptions } from './generate-options.js';
export { ENTROPY_CLASSES, type EntropyClass } from './entropy-class.js';
export { diffContents, mergeContent, type ContentDiff } from './merge-content.js';
export { SECRET_TYPES, type SecretType } from './secret-type.js';
export { contentSchema, validateContent, type ContentReport } from './validate-content.js';
export { reviewValues } from './review-values.js';
