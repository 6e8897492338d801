import { ComplianceProfileEntity, ComplianceProfileVersionEntity } from './compliance-profile.entity.js';
import {
  ComplianceEvaluationEntity,
  ComplianceFindingEntity,
  ComplianceSnapshotEntity,
  ComplianceStateEntity,
} from './compliance-record.entities.js';
import { ComplianceRunEntity } from './compliance-run.entity.js';
import { ComplianceWaiverEntity } from './waiver.entity.js';

/** The tables of this room. */
export const COMPLIANCE_ENTITIES = [
  ComplianceEvaluationEntity,
  ComplianceFindingEntity,
  ComplianceProfileEntity,
  ComplianceProfileVersionEntity,
  ComplianceRunEntity,
  ComplianceSnapshotEntity,
  ComplianceStateEntity,
  ComplianceWaiverEntity,
];
