export * from './compare.ts';
export * from './html.ts';
export * from './schema.ts';
export * from './terminal-table.ts';
export * from './wording.ts';
