import type { DataType, Dim } from '../../model.ts';
import { attributeOf, intOf, like, rows, sameAsFirst, type TypeRule, tensor } from '../rule.ts';

const perRow =
  (columns: (node: Parameters<TypeRule>[0]['node']) => Dim): TypeRule =>
  ({ node, inputs: [x] }) => [tensor('float32', [x?.dims?.length === 1 ? 1 : x?.dims?.[0], columns(node)])];

/** The class label, of the type of the labels, and the scores. */
const classifier: TypeRule = ({ node, inputs: [x] }) => {
  const names = ['classlabels_strings', 'classlabels_ints', 'classlabels_int64s'].map((name) =>
    attributeOf(node, name),
  );
  const texts = names[0]?.kind === 'strings' && names[0].value.length > 0;
  const count = names.flatMap((list) => (list?.kind === 'strings' || list?.kind === 'ints' ? [list.value.length] : []));
  const batch = x?.dims?.length === 1 ? 1 : x?.dims?.[0];
  const classes = Math.max(0, ...count);
  return [tensor(texts ? 'string' : 'int64', [batch]), tensor('float32', [batch, classes > 2 ? classes : undefined])];
};

/** Operators of ai.onnx.ml. */
export const machineLearningRules: Readonly<Record<string, TypeRule>> = {
  ...rows('ai.onnx.ml.Binarizer ai.onnx.ml.Imputer', sameAsFirst),
  ...rows('ai.onnx.ml.Normalizer ai.onnx.ml.Scaler', ({ inputs: [x] }) => [tensor('float32', x?.dims)]),
  ...rows(
    'ai.onnx.ml.LinearRegressor',
    perRow((node) => intOf(node, 'targets', 1)),
  ),
  ...rows(
    'ai.onnx.ml.TreeEnsembleRegressor',
    perRow((node) => intOf(node, 'n_targets', 1)),
  ),
  ...rows(
    'ai.onnx.ml.SVMRegressor',
    perRow(() => 1),
  ),
  'ai.onnx.ml.TreeEnsemble': ({ node, inputs: [x] }) => [like(x, [x?.dims?.[0], intOf(node, 'n_targets', undefined)])],
  ...rows('ai.onnx.ml.LinearClassifier ai.onnx.ml.SVMClassifier ai.onnx.ml.TreeEnsembleClassifier', classifier),
  'ai.onnx.ml.FeatureVectorizer': ({ inputs }) => [tensor('float32', [inputs[0]?.dims?.[0], undefined])],
  'ai.onnx.ml.OneHotEncoder': ({ node, inputs: [x] }) => {
    const sizes = ['cats_int64s', 'cats_strings'].flatMap((name) => {
      const list = attributeOf(node, name);
      return list?.kind === 'ints' || list?.kind === 'strings' ? [list.value.length] : [];
    });
    return [tensor('float32', x?.dims && [...x.dims, sizes[0]])];
  },
  'ai.onnx.ml.LabelEncoder': ({ node, inputs: [x] }) => {
    const values = attributeOf(node, 'values_tensor');
    if (values?.kind === 'tensor') return [tensor(values.value.type, x?.dims)];
    const kinds: readonly [string, DataType][] = [
      ['values_strings', 'string'],
      ['values_int64s', 'int64'],
      ['values_floats', 'float32'],
    ];
    const found = kinds.find(([name]) => attributeOf(node, name) !== undefined)?.[1];
    // The first version maps texts to integers and back.
    const swapped = x?.type === 'string' ? 'int64' : 'string';
    return [x && tensor(found ?? swapped, x.dims)];
  },
  'ai.onnx.ml.CategoryMapper': ({ inputs: [x] }) => [x && tensor(x.type === 'string' ? 'int64' : 'string', x.dims)],
};
