export * from './clean.ts';
export * from './data-folder.ts';
export * from './dataset.ts';
export * from './html.ts';
export * from './mail.ts';
export * from './near-duplicates.ts';
export * from './prepare.ts';
export * from './split.ts';
