export { COMPLIANCE_ENTITIES } from './compliance.entities.js';
export * as complianceErrors from './compliance.errors.js';
export { COMPLIANCE_JOBS, SWEEP_COMPLIANCE } from './compliance.jobs.js';
export { ComplianceModule } from './compliance.module.js';
export { complianceChanges, complianceSettings, slug } from './compliance-profile.schema.js';
export { ComplianceProfileService, type ComplianceProfileView } from './compliance-profile.service.js';
export {
  ComplianceResults,
  STATUS_KEYS,
  type ComplianceResult,
  type ComplianceStatus,
  type ResultQuery,
  type StatusQuery,
} from './compliance-results.js';
export { Evaluator } from './evaluator.js';
export { FACTS } from './facts/fact-catalogue.js';
export { PACKS, type Pack, type PackRule } from './packs/index.js';
export { MODES, OUTCOMES, SEVERITIES, type Mode, type Outcome, type Rule, type Severity } from './rule.js';
export { WAIVER_STATES, type Waiver, type WaiverQuery } from './waiver.repository.js';
export { WaiverService, type NewWaiver } from './waiver.service.js';
export { RUN_STATES } from './compliance-run.entity.js';
export { RunService, type AskedScope, type NewReplay, type ReplayView, type RunView } from './run.service.js';
export { RunWorker } from './run-worker.js';
