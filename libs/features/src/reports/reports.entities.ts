import { ReportScheduleEntity } from './report-schedule.entity.js';
import { ReportChunkEntity, ReportDocumentEntity, ReportEntity } from './report.entity.js';

export const REPORTS_ENTITIES = [ReportEntity, ReportDocumentEntity, ReportChunkEntity, ReportScheduleEntity];
