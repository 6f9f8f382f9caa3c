// `npm start`: sets everything up and runs the main job. `npm start -- --help` shows what else the command takes.
import { node, setUp } from './setup.js';

setUp();
node('packages/cli/bin/slm-compress.js', 'run', 'models/spam-filter/recipe.yaml', ...process.argv.slice(2));
