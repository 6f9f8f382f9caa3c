"""Makes packages/onnx/goldens/node-types.json: single operators with the types and small values of their inputs and the
types of what they give, as they were computed.

Those of ai.onnx come from the backend tests of the onnx package (a few of each operator), those of com.microsoft from
running ONNX Runtime. Needs `onnx`, `onnxruntime` and a folder with the backend tests.

    python bench/peers/inference-goldens.py path/to/onnx/backend/test/data/node
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OUT = pathlib.Path(__file__).resolve().parents[2] / "packages" / "onnx" / "goldens" / "node-types.json"
NAMES = {
    "FLOAT": "float32", "DOUBLE": "float64", "FLOAT8E4M3FN": "float8e4m3fn", "FLOAT8E4M3FNUZ": "float8e4m3fnuz",
    "FLOAT8E5M2": "float8e5m2", "FLOAT8E5M2FNUZ": "float8e5m2fnuz",
}  # fmt: skip
KINDS = {1: "float", 2: "int", 3: "string", 6: "floats", 7: "ints", 8: "strings"}
FOLLOWED = [TensorProto.INT64, TensorProto.INT32, TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16]
PER_OPERATOR = 3


def type_name(number):
    name = TensorProto.DataType.Name(number)
    return NAMES.get(name, name.lower())


def value(proto):
    """[element type, sizes], and the values of what may say a size."""
    dims = list(proto.dims)
    count = int(np.prod(dims)) if dims else 1
    kept = proto.data_type in FOLLOWED and len(dims) <= 1 and count <= 8
    kept = kept and bool(np.isfinite(numpy_helper.to_array(proto).astype(np.float64)).all())
    values = [numpy_helper.to_array(proto).flatten().tolist()] if kept else []
    return [type_name(proto.data_type), dims, *values]


def attributes(node):
    result = {}
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.TENSOR:
            result[attribute.name] = ["tensor", *value(attribute.t)[:2]]
            continue
        if attribute.type not in KINDS:
            return None
        found = helper.get_attribute_value(attribute)
        text = lambda x: x.decode() if isinstance(x, bytes) else x  # noqa: E731
        found = [text(x) for x in found] if isinstance(found, (list, tuple)) else text(found)
        if isinstance(found, list) and len(found) > 12:
            return None
        result[attribute.name] = [KINDS[attribute.type], found]
    return result


def key(node):
    return f"{node.domain}.{node.op_type}" if node.domain else node.op_type


def corpus(folder):
    taken = {}
    for path in sorted(folder.iterdir()):
        model = onnx.load(path / "model.onnx")
        data = path / "test_data_set_0"
        graph = model.graph
        if len(graph.node) != 1 or graph.initializer or not data.exists():
            continue
        node = graph.node[0]
        kinds = {v.name: v.type.WhichOneof("value") for v in [*graph.input, *graph.output]}
        written = attributes(node)
        if written is None or set(kinds.values()) != {"tensor_type"}:
            continue
        load = lambda name, index: onnx.load_tensor(data / f"{name}_{index}.pb")  # noqa: E731
        inputs = {v.name: value(load("input", i)) for i, v in enumerate(graph.input)}
        outputs = {v.name: value(load("output", i))[:2] for i, v in enumerate(graph.output)}
        version = next(o.version for o in model.opset_import if o.domain == node.domain)
        case = [version, [inputs.get(n) for n in node.input], written, [outputs.get(n) for n in node.output]]
        ranks = [len(i[1]) for i in case[1] if i]
        form = json.dumps([version, ranks, sorted(written), [n != "" for n in node.output]])
        forms = taken.setdefault(key(node), {})
        if form not in forms and len(forms) < PER_OPERATOR:
            forms[form] = case
    return {name: list(forms.values()) for name, forms in sorted(taken.items())}


F, U8, I8, I32, I64, F16 = np.float32, np.uint8, np.int8, np.int32, np.int64, np.float16


def array(spec):
    """(type, sizes) or (type, values)."""
    if spec is None:
        return None
    dtype, shape = spec[0], spec[1]
    if len(spec) == 3:
        return np.array(spec[2], dtype=dtype).reshape(shape)
    return np.ones(shape, dtype=dtype)


def quantized(shape):
    return [(U8, shape), (F, []), (U8, [])]


MICROSOFT = [
    ("Gelu", [(F, [2, 3])], {}, 1),
    ("FastGelu", [(F, [2, 3]), (F, [3])], {}, 1),
    ("BiasGelu", [(F, [2, 3]), (F, [3])], {}, 1),
    ("QuickGelu", [(F, [2, 3])], {"alpha": 1.5}, 1),
    ("FusedMatMul", [(F, [2, 4, 3]), (F, [2, 5, 4])], {"transA": 1, "transB": 1}, 1),
    ("FusedMatMul", [(F, [4, 2, 3]), (F, [3, 2, 5])], {"transBatchA": 1, "transBatchB": 1}, 1),
    ("TransposeMatMul", [(F, [2, 4, 3]), (F, [2, 4, 5])], {"transA": 1}, 1),
    ("FusedConv", [(F, [1, 2, 9]), (F, [4, 2, 3]), (F, [4])], {"activation": "Relu", "strides": [2]}, 1),
    ("FusedGemm", [(F, [3, 2]), (F, [3, 4]), (F, [4])], {"transA": 1, "activation": "Relu"}, 1),
    ("SkipLayerNormalization", [(F, [2, 3, 4]), (F, [2, 3, 4]), (F, [4]), (F, [4])], {}, [1, 0, 0, 1]),
    ("SkipSimplifiedLayerNormalization", [(F, [2, 3, 4]), (F, [2, 3, 4]), (F, [4])], {}, [1, 0, 0, 1]),
    ("EmbedLayerNormalization", [(I32, [2, 3]), (I32, [2, 3]), (F, [5, 4]), (F, [6, 4]), (F, [2, 4]), (F, [4]), (F, [4]), (I32, [2, 3])], {}, 3),
    ("Attention", [(F, [2, 3, 8]), (F, [8, 24]), (F, [24])], {"num_heads": 2}, 1),
    ("Attention", [(F, [2, 3, 8]), (F, [8, 24]), (F, [24]), None, (F, [2, 2, 2, 5, 4])], {"num_heads": 2, "unidirectional": 1}, 2),
    ("QAttention", [(U8, [2, 3, 8]), (I8, [8, 24]), (F, [24]), (F, []), (F, []), None, (U8, []), (I8, [])], {"num_heads": 2}, 1),
    ("MultiHeadAttention", [(F, [2, 3, 8]), (F, [2, 5, 8]), (F, [2, 5, 12])], {"num_heads": 2}, 1),
    ("MultiHeadAttention", [(F, [2, 3, 8]), (F, [2, 3, 8]), (F, [2, 3, 8]), None, None, None, (F, [2, 2, 7, 4]), (F, [2, 2, 7, 4])], {"num_heads": 2}, 3),
    ("GroupQueryAttention", [(F, [1, 3, 32]), (F, [1, 3, 16]), (F, [1, 3, 16]), (F, [1, 2, 7, 8]), (F, [1, 2, 7, 8]), (I32, [1], [9]), (I32, [], [10])], {"num_heads": 4, "kv_num_heads": 2}, 3),
    ("RotaryEmbedding", [(F, [2, 3, 8]), (I64, [2, 3]), (F, [5, 2]), (F, [5, 2])], {"num_heads": 2}, 1),
    ("QLinearConv", [*quantized([1, 2, 9, 9]), *quantized([4, 2, 3, 3]), (F, []), (U8, [])], {}, 1),
    ("QLinearConv", [*quantized([1, 9, 9, 2]), *quantized([4, 2, 3, 3]), (F, []), (U8, [])], {"channels_last": 1, "pads": [1, 1, 1, 1]}, 1),
    ("QGemm", [*quantized([3, 2]), *quantized([2, 4])], {}, 1),
    ("QGemm", [*quantized([3, 2]), *quantized([2, 4]), None, (F, []), (U8, [])], {}, 1),
    ("QLinearAdd", [*quantized([2, 1, 3]), *quantized([4, 1]), (F, []), (U8, [])], {}, 1),
    ("QLinearMul", [*quantized([2, 3]), *quantized([3]), (F, []), (U8, [])], {}, 1),
    ("QLinearSigmoid", [*quantized([2, 3]), (F, []), (U8, [])], {}, 1),
    ("QLinearLeakyRelu", [*quantized([2, 3]), (F, []), (U8, [])], {"alpha": 0.1}, 1),
    ("QLinearSoftmax", [*quantized([2, 3]), (F, []), (U8, [])], {"axis": 1, "opset": 13}, 1),
    ("QLinearConcat", [(F, []), (U8, []), *quantized([2, 3]), *quantized([2, 5])], {"axis": 1}, 1),
    ("QLinearAveragePool", [*quantized([1, 2, 8, 9]), (F, []), (U8, [])], {"kernel_shape": [3, 3], "strides": [2, 2]}, 1),
    ("QLinearGlobalAveragePool", [*quantized([1, 8, 9, 2]), (F, []), (U8, [])], {"channels_last": 1}, 1),
    ("QLinearWhere", [(np.bool_, [2, 3]), *quantized([2, 3]), *quantized([3]), (F, []), (U8, [])], {}, 1),
    ("MatMulNBits", [(F, [2, 3, 32]), (U8, [5, 1, 16]), (F, [5])], {"K": 32, "N": 5, "bits": 4, "block_size": 32}, 1),
    ("MatMulIntegerToFloat", [(U8, [2, 3]), (I8, [3, 4]), (F, []), (F, [])], {}, 1),
    ("DynamicQuantizeMatMul", [(F, [2, 3]), (I8, [3, 4]), (F, [])], {}, 1),
    ("DynamicQuantizeLSTM", [(F, [6, 2, 3]), (I8, [1, 3, 16]), (I8, [1, 4, 16]), None, None, None, None, None, (F, [1]), (I8, [1]), (F, [1]), (I8, [1])], {"hidden_size": 4}, 3),
    ("MatMulInteger16", [(np.int16, [2, 3]), (np.int16, [3, 4])], {}, 1),
    ("GatherBlockQuantized", [(U8, [6, 16]), (I64, [2, 3]), (F, [6, 2])], {"gather_axis": 0, "quantize_axis": 1, "block_size": 16}, 1),
    ("QuantizeLinear", [(F, [2, 3]), (F, []), (np.uint16, [])], {}, 1),
    ("DequantizeLinear", [(np.int16, [2, 3]), (F, []), (np.int16, [])], {}, 1),
    ("NhwcMaxPool", [(U8, [1, 8, 9, 2])], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}, 1),
    ("Trilu", [(F, [2, 3, 3])], {"upper": 0}, 1),
    ("Inverse", [(F, [2, 3, 3])], {}, 1),
    ("Pad", [(F, [2, 3]), (I64, [4], [1, 0, 2, 1])], {}, 1),
    ("Unique", [(F, [4])], {}, 3),
    ("ConvTransposeWithDynamicPads", [(F, [1, 2, 5, 5]), (F, [2, 4, 3, 3]), (I64, [4], [1, 0, 1, 1])], {"strides": [2, 2]}, 1),
    ("ExpandDims", [(F, [2, 3]), (I32, [], [1])], {}, 1),
    ("CDist", [(F, [2, 3]), (F, [4, 3])], {"metric": "euclidean"}, 1),
    ("GatherND", [(F, [2, 3, 4]), (I64, [5, 2])], {}, 1),
]  # fmt: skip


def microsoft():
    cases = {}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    for operator, specs, written, wanted in MICROSOFT:
        arrays = [array(spec) for spec in specs]
        names = ["" if a is None else f"i{index}" for index, a in enumerate(arrays)]
        outputs = [f"o{index}" if want else "" for index, want in enumerate(wanted if isinstance(wanted, list) else [1] * wanted)]
        node = helper.make_node(operator, names, outputs, domain="com.microsoft", **written)
        held = {name: a for name, a in zip(names, arrays) if a is not None}
        # Weights and scales must be constants for some operators; the first input is never one.
        constant = {name: a for name, a in held.items() if name != "i0"}
        infos = [helper.make_tensor_value_info("i0", helper.np_dtype_to_tensor_dtype(arrays[0].dtype), arrays[0].shape)]
        graph = helper.make_graph(
            [node], "g", infos, [helper.make_empty_tensor_value_info(o) for o in outputs if o],
            [numpy_helper.from_array(a, name) for name, a in constant.items()],
        )  # fmt: skip
        imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=imports, ir_version=8)
        try:
            session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
            results = iter(session.run([o for o in outputs if o], {"i0": arrays[0]}))
        except Exception as error:  # noqa: BLE001
            print(f"{operator}: not run: {str(error)[:160]}")
            continue
        found = [value(numpy_helper.from_array(np.asarray(next(results))))[:2] if o else None for o in outputs]
        inputs = [None if a is None else value(numpy_helper.from_array(a)) for a in arrays]
        cases.setdefault(f"com.microsoft.{operator}", []).append([1, inputs, attributes(node), found])
    return cases


def main():
    cases = corpus(pathlib.Path(sys.argv[1])) | microsoft()
    lines = [f"{json.dumps(name)}:{json.dumps(rows, separators=(',', ':'))}" for name, rows in cases.items()]
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{len(cases)} operators, {sum(map(len, cases.values()))} cases, {OUT.stat().st_size} bytes")


main()
