import { openPool } from '../dist/index.js';

const pool = await openPool(process.argv[2], { workers: 2 });
const x = { type: 'float32', dims: [512, 128], data: new Float32Array(512 * 128) };
for (let index = 0; index < 4; index++) pool.run({ x }).catch(() => undefined);
await pool.run({ x });
process.exit(3);
