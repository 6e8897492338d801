export { readExportLines, removeExport, sha256OfFile, writeExportFile, type ExportFile } from './export-file.js';
