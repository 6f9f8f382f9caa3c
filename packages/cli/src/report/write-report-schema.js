/** Writes docs/report.schema.json from the schema in schema.ts, after a build. Run: node packages/cli/src/report/write-report-schema.js */
import { writeFileSync } from 'node:fs';
import { reportJsonSchema } from '../../dist/report/schema.js';

const path = new URL('../../../../docs/report.schema.json', import.meta.url);
writeFileSync(path, `${JSON.stringify(reportJsonSchema(), null, 2)}\n`);
