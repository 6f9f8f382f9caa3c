// Ids of our tokenizers against the Rust library's: node bench/suites/tokenizer-identity.js FOLDER, with the folder that
// bench/peers/tokenizer-ids.py wrote. Prints lines and differing lines per kind and corpus; exits 1 when any differs.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadTokenizer } from '../../packages/text/dist/index.js';

const folder = process.argv[2];
const files = readdirSync(folder).filter((name) => /^.+\..+\.txt$/.test(name));
let failed = false;
for (const kind of new Set(files.map((name) => name.split('.')[0]))) {
  if (!existsSync(join(folder, kind, 'tokenizer.json'))) continue;
  const tokenizer = await loadTokenizer(join(folder, kind));
  const edges = tokenizer.encode('', { maxLength: 1e6 }).ids.length;
  for (const name of files.filter((file) => file.startsWith(`${kind}.`))) {
    const corpus = name.split('.')[1];
    const lines = JSON.parse(readFileSync(join(folder, `${corpus}.json`), 'utf8'));
    const hashes = readFileSync(join(folder, name), 'utf8').trimEnd().split('\n');
    let different = 0;
    let first;
    let milliseconds = 0;
    lines.forEach((line, i) => {
      const start = performance.now();
      const ids = tokenizer.encode(line, { maxLength: 1e7 }).ids;
      milliseconds += performance.now() - start;
      const bare = kind === 'bert' ? ids.subarray(1, ids.length - 1) : ids;
      const hash = createHash('sha1').update(bare.join(',')).digest('hex').slice(0, 12);
      if (hash === hashes[i]) return;
      different++;
      first ??= line;
    });
    const megabytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0) / 1e6;
    const speed = ((megabytes / milliseconds) * 1000).toFixed(1);
    console.log(`${kind} ${corpus}: ${lines.length} lines, ${different} different, ${speed} MB/s, edges ${edges}`);
    if (first !== undefined) console.log(`  first: ${JSON.stringify(first.slice(0, 200))}`);
    failed ||= different > 0;
  }
}
process.exitCode = failed ? 1 : 0;
