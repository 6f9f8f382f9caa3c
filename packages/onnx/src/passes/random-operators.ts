import type { Node } from '../model.ts';
import { operatorKey } from '../operator.ts';
import { numbersOf, type Site } from './rewrite-rule.ts';

const random: ReadonlySet<string> = new Set([
  'Bernoulli',
  'Multinomial',
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'com.microsoft.BiasDropout',
  'com.microsoft.BitmaskBiasDropout',
  'com.microsoft.BitmaskDropout',
  'com.microsoft.Sampling',
]);

/** True where two runs of a node may differ on the same inputs. */
export function isRandom(site: Site, node: Node = site.node): boolean {
  return random.has(operatorKey(node)) || (operatorKey(node) === 'Dropout' && !isInferenceDropout(site, node));
}

/** True for a Dropout that lets everything through: always in opset 7 to 11, later unless its training mode may be set. */
export function isInferenceDropout(site: Site, node: Node = site.node): boolean {
  if (site.opset < 7) {
    const test = node.attributes.is_test;
    return test?.kind === 'int' && Number(test.value) !== 0;
  }
  const mode = node.inputs[2] ?? '';
  return site.opset < 12 || mode === '' || numbersOf(site.constant(mode))?.[0] === 0;
}
