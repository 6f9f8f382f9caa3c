import type { Lineage } from './lineage.ts';

/** The README of a model folder: what it is, how it was made, its figures on the validation split. Markdown. */
export function modelCard(lineage: Lineage, file: string): string {
  const rows = Object.entries(lineage.metrics).map(([name, value]) => `| ${name} | ${figure(value)} |`);
  const parents = lineage.parents.map(({ role, name, digest }) => `- ${role} \`${name}\` (${digest.slice(0, 12)})`);
  return [
    `# ${lineage.name}`,
    '',
    `A text classifier made by slm-compress (stage kind \`${lineage.kind}\`, seed ${lineage.seed}).`,
    `The graph is \`${file}\`: \`input_ids\` and \`attention_mask\`, int64 [batch, sequence], give \`logits\`, float32 [batch, labels].`,
    '',
    ...(lineage.data === undefined ? [] : [`Data: ${lineage.data.name} (${lineage.data.digest.slice(0, 12)}).`, '']),
    ...(parents.length === 0 ? [] : ['Made from:', '', ...parents, '']),
    ...(rows.length === 0 ? [] : ['| figure | value |', '| --- | --- |', ...rows, '']),
    '```json',
    JSON.stringify(lineage.options, undefined, 2),
    '```',
    '',
  ].join('\n');
}

function figure(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(4);
}
