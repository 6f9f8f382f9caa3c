import type { EngineName } from './engines.ts';
import { log } from './output.ts';

/** The engine that `--engine` names; one that is not the default is said on stderr, with the reason. */
export async function announceEngine(wanted: EngineName | 'auto'): Promise<EngineName> {
  if (wanted === 'ort-cpu') return wanted;
  const { chooseEngine } = await import('./engines.ts');
  const { name, reason } = await chooseEngine(wanted);
  log(`engine ${name}: ${reason}`);
  return name;
}
