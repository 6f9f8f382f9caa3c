"""Small cases of the reference interpreter's core operators, with the outputs that ONNX Runtime gives them, NumPy where it has no kernel for
the operator set: packages/onnx/goldens/reference/operators.json; and the codes that ml_dtypes gives numbers in narrow formats: formats.json.

usage: python bench/peers/reference-goldens.py      (needs numpy, ml_dtypes, onnx, onnxruntime)

A case is [operator, operator set, attributes, inputs, outputs]; a tensor is [type, dims, elements], null where omitted. Integers beyond 2^53 and
numbers JSON lacks are texts; a float attribute is {"float": x}, {"floats": [...]}.
"""
import json
import pathlib

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

folder = pathlib.Path(__file__).parents[2] / "packages/onnx/goldens/reference"
rng = np.random.default_rng(11)
I = np.int64
big = np.array([2**63 - 1, -(2**63), 2**53 + 1, -7], I)
unsigned = np.array([2**64 - 1, 2**63, 7, 2**53 + 1], np.uint64)
names = {"object": "string"}
cases = []


def x(*dims, type="float32", low=-8, high=9):
    drawn = rng.integers(low, high, dims)
    return (drawn / 4).astype(type) if type.startswith("float") else drawn.astype(type)


def f(*elements, type="float32"):
    return np.array(elements, type)


def i(*elements):
    return np.array(elements, I)


def s(value, type="float32"):
    return np.array(value, type)


def element(value, digits=17):
    if isinstance(value, (bool, np.bool_)):
        return int(value)
    if isinstance(value, int):
        return value if abs(value) <= 2**53 else str(value)
    if isinstance(value, float):
        if value != value or abs(value) == float("inf"):
            return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
        return int(value) if value == int(value) and abs(value) < 1e9 else float(f"{value:.{digits}g}")
    return value


def pack(array):
    if array is None:
        return None
    array = np.asarray(array)
    return [names.get(str(array.dtype), str(array.dtype)), list(array.shape), [element(e, 17 if array.dtype == np.float64 else 9) for e in array.ravel().tolist()]]


def plain(value):
    if isinstance(value, float):
        return {"float": value}
    if isinstance(value, (list, tuple)) and value and all(isinstance(e, float) for e in value):
        return {"floats": list(value)}
    return value


def run(op, opset, attributes, inputs, outputs):
    labels = [f"i{k}" if a is not None else "" for k, a in enumerate(inputs)]
    outs = [f"o{k}" for k in range(outputs)]
    infos = [helper.make_tensor_value_info(l, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for l, a in zip(labels, inputs) if l]
    graph = helper.make_graph([helper.make_node(op, labels, outs, **attributes)], "one", infos, [onnx.ValueInfoProto(name=o) for o in outs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8 if opset < 21 else 10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {l: a for l, a in zip(labels, inputs) if l})


def case(op, opset, inputs, attributes=None, *, outputs=1, expect=None):
    attributes = attributes or {}
    try:
        given = expect if expect is not None else run(op, opset, attributes, inputs, outputs)
    except Exception as error:
        print("no golden for", op, opset, attributes, str(error).splitlines()[0][:140])
        return
    cases.append([op, opset, {k: plain(v) for k, v in attributes.items()}, [pack(a) for a in inputs], [pack(a) for a in given]])


m = x(2, 3)
wide = f(-3.5, -1, -0.5, 0, 0.25, 1, 2.5)
unit = f(-0.9, -0.5, 0, 0.25, 0.75)
for op in ["Abs", "Neg", "Sign", "Exp", "Sin", "Cos", "Tan", "Atan", "Sinh", "Cosh", "Tanh", "Asinh", "Erf", "Floor", "Ceil", "Round", "Sigmoid",
           "Softplus", "Softsign", "Relu", "LeakyRelu", "ThresholdedRelu", "Elu", "Selu", "Celu", "HardSigmoid", "HardSwish", "Mish", "Shrink",
           "Hardmax", "Softmax", "LogSoftmax", "Identity"]:
    case(op, 18, [wide])
for op in ["Asin", "Acos", "Atanh"]:
    case(op, 18, [unit])
for op in ["Sqrt", "Log", "Reciprocal", "Acosh"]:
    case(op, 18, [f(1, 1.25, 2.5, 9)])
case("Gelu", 20, [wide]); case("Gelu", 20, [wide], {"approximate": "tanh"})
case("Swish", 24, [wide], {"alpha": 1.5}, expect=[(wide / (1 + np.exp(-1.5 * wide.astype("float64")))).astype("float32")])
case("Elu", 18, [wide], {"alpha": 2.0}); case("Shrink", 18, [wide], {"lambd": 1.0, "bias": 0.5})
case("HardSigmoid", 18, [wide], {"alpha": 0.5, "beta": 0.25}); case("Celu", 18, [wide], {"alpha": 2.0})
case("PRelu", 16, [m, f(0.5, 2, -1)])
case("IsNaN", 13, [f(1, np.nan, np.inf)]); case("IsInf", 10, [f(-np.inf, np.nan, np.inf)], {"detect_negative": 0})
case("Not", 1, [np.array([True, False])])
for op in ["Softmax", "LogSoftmax", "Hardmax"]:
    case(op, 11, [x(2, 2, 3)], {"axis": 1}); case(op, 13, [x(2, 2, 3)], {"axis": 1})

with np.errstate(over="ignore"):
    case("Abs", 13, [big], expect=[np.abs(big)]); case("Neg", 13, [big], expect=[-big])
    other = np.array([3, -1, 5, 2], I)
    case("Add", 14, [big, other], expect=[big + other]); case("Sub", 14, [big, other], expect=[big - other])
    case("Mul", 14, [big, other], expect=[big * other])
    case("Mul", 14, [np.array([2**31 - 1, -5], "int32"), np.array([2**31 - 1, 7], "int32")])
    case("Mul", 14, [unsigned, unsigned], expect=[unsigned * unsigned])
    case("Pow", 15, [big, i(2, 3, 3, 5)], expect=[big**i(2, 3, 3, 5)])
case("Div", 14, [big, i(2, 3, -2, 2)]); case("Div", 14, [unsigned, unsigned[[2, 1, 0, 2]]]); case("Div", 14, [f(1, -7, 5, type="int32"), f(2, 2, -3, type="int32")])
case("Sign", 13, [big]); case("Max", 13, [big, i(5, 5, 5, 5)]); case("Min", 13, [unsigned, unsigned[::-1].copy()])
case("Clip", 13, [big, s(-(2**60), I), s(2**60, I)]); case("Clip", 13, [wide, None, s(0.3)]); case("Clip", 6, [wide], {"min": -1.0, "max": 1.5})
for fmod in (0, 1):
    case("Mod", 13, [i(7, -7, 7, -7, 2**62 + 1), i(3, 3, -3, -3, -10)], {"fmod": fmod})
case("Mod", 13, [f(5.5, -5.5, 5.5), f(2, 2, -2)], {"fmod": 1})
case("Pow", 15, [f(2, 3, 0.5), i(3, 2, -1)]); case("Pow", 15, [i(2, 3, -2), f(3, 2.5, 2)])
case("Sum", 13, [m, x(3), x(2, 1)]); case("Mean", 13, [m, x(3), x(2, 1)])
for op in ["Greater", "Less", "Equal", "GreaterOrEqual", "LessOrEqual"]:
    case(op, 16, [big, np.array([2**63 - 2, 0, 2**53, -7], I)])
case("Equal", 19, [np.array(["a", "b"], object), np.array(["a", "c"], object)])
for op in ["And", "Or", "Xor"]:
    case(op, 7, [np.array([[True], [False]]), np.array([True, False])])
for op in ["BitwiseAnd", "BitwiseOr", "BitwiseXor"]:
    case(op, 18, [big, i(2**40 + 5, -1, 255, 12)]); case(op, 18, [f(250, 7, type="uint8"), f(15, 3, type="uint8")])
case("BitwiseNot", 18, [big]); case("BitwiseNot", 18, [f(250, 7, type="uint8")])
for direction in ["LEFT", "RIGHT"]:
    case("BitShift", 11, [unsigned, np.array([1, 2, 3, 63], "uint64")], {"direction": direction})
    case("BitShift", 11, [f(250, 7, type="uint8"), f(3, 1, type="uint8")], {"direction": direction})
case("Where", 16, [np.array([[True], [False]]), big[:2], big[2:]]); case("Where", 16, [np.array([True, False]), np.array(["a", "b"], object), np.array(["c", "d"], object)])
# The first operator sets broadcast by attribute.
left = x(2, 3, 2)
case("Add", 6, [left, f(1, 2, 3)], {"broadcast": 1, "axis": 1}, expect=[left + f(1, 2, 3).reshape(3, 1)])
case("Mul", 6, [left, f(1, 2)], {"broadcast": 1}, expect=[left * f(1, 2)])
case("PRelu", 6, [left, f(1, 2, 3)], expect=[np.where(left < 0, left * f(1, 2, 3).reshape(3, 1), left)])

floats = f(-1.7, 0, 1.5, 200, 3e9)
for name in ["INT64", "INT32", "BOOL", "DOUBLE", "FLOAT16", "BFLOAT16"]:
    if name != "BFLOAT16" and name != "INT32":
        case("Cast", 13, [floats], {"to": getattr(TensorProto, name)})
case("Cast", 13, [f(-1.7, 200, -129, type="float64")], {"to": TensorProto.INT32}); case("Cast", 13, [big], {"to": TensorProto.FLOAT}); case("Cast", 13, [big], {"to": TensorProto.INT32})
case("Cast", 13, [big], {"to": TensorProto.UINT64}); case("Cast", 13, [unsigned], {"to": TensorProto.INT8}); case("Cast", 13, [unsigned], {"to": TensorProto.FLOAT})
case("Cast", 13, [np.array(["1.5", "-INF", " 2e3", "NaN"], object)], {"to": TensorProto.FLOAT}); case("Cast", 13, [np.array(["9223372036854775807", "-12"], object)], {"to": TensorProto.INT64})
case("Cast", 13, [f(0.1, -2, 12.5)], {"to": TensorProto.STRING}); case("CastLike", 15, [floats, s(1, "float64")])
case("BitCast", 26, [f(1, -2)], {"to": TensorProto.INT32}, expect=[f(1, -2).view("int32")])

case("Gather", 13, [big, i(-1, 0)]); case("Gather", 13, [x(2, 3, 2), np.array([[0, 2], [-1, 1]], I)], {"axis": 1}); case("Gather", 13, [np.array(["a", "b"], object), s(1, I)])
case("GatherElements", 13, [m, np.array([[2, 0], [1, 1]], I)], {"axis": 1}); case("GatherND", 13, [x(2, 2, 3), np.array([[1], [0]], I)], {"batch_dims": 1}); case("GatherND", 13, [x(2, 2, 3), np.array([[1, 0], [0, -1]], I)])
for reduction in ["none", "add", "mul", "min", "max"]:
    case("ScatterElements", 18, [big, i(0, 0, -1), i(1, 2, 2**62)], {"reduction": reduction} if reduction != "none" else {})
    case("ScatterND", 18, [x(3, 2), np.array([[0], [2], [0]] if reduction != "none" else [[0], [2]], I), x(3 if reduction != "none" else 2, 2)], {"reduction": reduction})
case("Scatter", 9, [m, np.array([[1, 0, 2]], I), x(1, 3)], {"axis": 1})
case("OneHot", 11, [i(1, -1, 5), s(3, I), f(0, 2)]); case("OneHot", 11, [np.array([[1, 2]], I), s(3, I), np.array([-1, 2**60], I)], {"axis": 0})
case("NonZero", 13, [f(0, 1, 0, 2).reshape(2, 2)]); case("Compress", 11, [m, np.array([False, True, True])], {"axis": 1}); case("Compress", 11, [m, np.array([True, False, True])])
case("TopK", 11, [x(2, 4), i(2)], {"largest": 0}, outputs=2); case("TopK", 11, [big, i(3)], outputs=2); case("TopK", 9, [x(3, 2)], {"k": 2, "axis": 0}, outputs=2)
case("Unique", 11, [f(2, 1, 1, 3, 4, 3)], outputs=4); case("Unique", 11, [f(2, 1, 1, 3, 4, 3)], {"sorted": 0}, outputs=4); case("Unique", 11, [np.array([[1, 0], [1, 0], [2, 3]], I)], {"axis": 0}, outputs=4)
case("Concat", 13, [np.array(["a"], object), np.array(["b", "c"], object)], {"axis": 0}); case("Concat", 13, [x(2, 1, 2), x(2, 3, 2)], {"axis": -2}); case("Concat", 13, [big, big[:1]], {"axis": 0})
case("Transpose", 13, [x(2, 3, 2)], {"perm": [1, 2, 0]}); case("Transpose", 13, [big.reshape(2, 2)])
case("Slice", 13, [x(4, 5), i(3, 1), i(-100, 2**62), i(0, 1), i(-2, 2)]); case("Slice", 9, [x(4, 5)], {"starts": [1, -3], "ends": [3, 100], "axes": [0, 1]}); case("Slice", 13, [big, i(1), i(3)])
case("Split", 18, [x(7)], {"num_outputs": 3}, outputs=3); case("Split", 11, [x(2, 5)], {"axis": 1, "split": [2, 3]}, outputs=2); case("Split", 13, [big, i(1, 3)], outputs=2)
for mode in ["constant", "reflect", "edge", "wrap"]:
    case("Pad", 19, [x(2, 3), i(1, 2, 0, 2)], {"mode": mode})
case("Pad", 18, [x(2, 3), i(1, -1), s(9), i(1)]); case("Pad", 10, [x(2, 3)], {"pads": [0, 1, 1, 0], "value": 5.0}); case("Pad", 13, [big, i(1, 1), s(2**62, I)])
case("Tile", 13, [x(2, 2), i(2, 3)]); case("Expand", 13, [big.reshape(4, 1), i(2, 1, 2)]); case("Trilu", 14, [x(3, 3), s(1, I)], {"upper": 0}); case("Trilu", 14, [big.reshape(2, 2)])
case("ReverseSequence", 10, [x(3, 2, 2), i(2, 3)]); case("SpaceToDepth", 13, [x(1, 1, 4, 2)], {"blocksize": 2})
for mode in ["DCR", "CRD"]:
    case("DepthToSpace", 13, [x(1, 8, 1, 2)], {"blocksize": 2, "mode": mode})
case("Reshape", 14, [np.zeros((0, 3), "float32"), i(3, 0)], {"allowzero": 1}); case("Reshape", 13, [big, i(0, -1)]); case("Flatten", 13, [x(2, 3, 2)], {"axis": -1})
case("Squeeze", 11, [x(1, 2, 1)], {"axes": [0]}); case("Unsqueeze", 11, [x(2)], {"axes": [0, -1]}); case("Squeeze", 13, [x(1, 2, 1)])
case("Shape", 15, [x(2, 3, 4)], {"start": -2, "end": -1}); case("Size", 13, [m]); case("EyeLike", 9, [m], {"k": 1, "dtype": TensorProto.INT64})
case("Range", 11, [s(10, I), s(0, I), s(-3, I)]); case("Range", 11, [s(0.5), s(2), s(0.4)]); case("Range", 11, [s(2**62, I), s(2**62 + 5, I), s(2, I)])

for op in ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSumExp"]:
    case(op, 18, [x(2, 3, 2), i(0, -1)]); case(op, 11, [x(2, 3)], {"axes": [1], "keepdims": 0}); case(op, 18, [x(2, 2)])
case("ReduceLogSum", 18, [x(2, 3, low=1)]); case("ReduceSum", 13, [x(2, 2)], {"noop_with_empty_axes": 1})
case("ReduceSum", 13, [np.array([2**62, 5, -3], I)], expect=[np.array([[2**62 + 2]], I)[0]]); case("ReduceMax", 18, [big]); case("ReduceMin", 18, [big]); case("ReduceProd", 18, [i(2**40, 3, 5)])
case("ArgMax", 13, [f(1, 5, 5, 2)], {"select_last_index": 1}); case("ArgMin", 13, [x(2, 3)], {"axis": 1, "keepdims": 0}); case("ArgMax", 13, [x(2, 3)])
for exclusive in (0, 1):
    for reverse in (0, 1):
        case("CumSum", 14, [x(2, 3), s(1, I)], {"exclusive": exclusive, "reverse": reverse})
case("CumSum", 14, [i(2**62, 1, 2), s(0, I)]); case("CumProd", 26, [x(2, 3), s(1, I)], expect=None)

case("MatMul", 13, [x(2, 1, 2, 3), x(2, 3, 2)]); case("MatMul", 13, [i(2**31, 3), i(2**31, 5)]); case("MatMul", 13, [x(3), x(2, 3, 2)])
case("Gemm", 13, [x(3, 2), x(4, 3), x(4)], {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0}); case("Gemm", 13, [x(2, 3), x(3, 2)])
case("MatMulInteger", 10, [x(2, 3, type="uint8", low=0, high=255), x(3, 2, type="int8", low=-128, high=127), s(100, "uint8"), f(1, -3, type="int8")])
case("QLinearMatMul", 10, [x(2, 3, type="uint8", low=0, high=255), s(0.05), s(120, "uint8"), x(3, 2, type="uint8", low=0, high=255), s(0.02), s(110, "uint8"), s(0.1), s(7, "uint8")])
for type in ["uint8", "int8", "uint16", "int16"]:
    case("QuantizeLinear", 21, [x(2, 4, low=-500, high=500), s(0.5), s(3, type)])
case("QuantizeLinear", 13, [x(2, 3), f(0.25, 0.5, 1), f(0, 1, 2, type="int8")], {"axis": 1}); case("QuantizeLinear", 21, [x(4, 2), x(2, 2, low=1), x(2, 2, type="uint8", low=0)], {"axis": 0, "block_size": 2})
case("DequantizeLinear", 13, [x(2, 3, type="int8"), f(0.5, 2), f(1, -1, type="int8")], {"axis": 0}); case("DequantizeLinear", 21, [x(2, 4, type="int8"), x(2, 2), x(2, 2, type="int8")], {"axis": 1, "block_size": 2})
case("DequantizeLinear", 13, [x(3, type="int32"), s(0.5)]); case("DynamicQuantizeLinear", 11, [wide], outputs=3); case("DynamicQuantizeLinear", 11, [f(1, 2, 5)], outputs=3)

case("LayerNormalization", 17, [x(2, 2, 3), x(2, 3), x(2, 3)], {"axis": 1, "epsilon": 1e-3}, outputs=3); case("RMSNormalization", 23, [x(2, 3), x(3)])
case("InstanceNormalization", 6, [x(2, 2, 3), f(1, 2), f(0, 1)]); case("GroupNormalization", 21, [x(1, 4, 2), x(4), x(4)], {"num_groups": 2})
case("BatchNormalization", 15, [x(2, 2, 2), f(1, 2), f(0, 1), f(0.5, 0), f(1, 4)]); case("BatchNormalization", 9, [x(2, 2, 2), f(1, 2), f(0, 1), f(0.5, 0), f(1, 4)], {"epsilon": 1e-2})
case("BatchNormalization", 15, [x(3, 2, 2), f(1, 2), f(0, 1), f(0.5, 0), f(1, 4)], {"training_mode": 1, "momentum": 0.75}, outputs=3)
for p in (1, 2):
    case("LpNormalization", 1, [x(2, 3)], {"p": p, "axis": 1})
case("LRN", 13, [x(1, 4, 2, 1)], {"size": 3, "alpha": 0.5}); case("MeanVarianceNormalization", 13, [x(2, 2, 1, 3)]); case("Dropout", 13, [m], outputs=2); case("Dropout", 7, [m])

folder.mkdir(parents=True, exist_ok=True)
text = "[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n"
(folder / "operators.json").write_text(text)

values = np.array([0, -0.0, 0.3, -0.3, 1, 1.0625, 1.1875, -2.5, 3.25, 5, 6, 7.25, 14.9, 28, 100, 240, 448, 500, 57344, 60000, 65504, 65520, 1e9, 3.4e38,
                   2.0**-7, 2.0**-8, 2.0**-10, 2.0**-15, 2.0**-17, 2.0**-25, 6e-8, 1e-40], "float64")
formats = {"float16": "float16", "bfloat16": "bfloat16", "float8e4m3fn": "float8_e4m3fn", "float8e4m3fnuz": "float8_e4m3fnuz", "float8e5m2": "float8_e5m2",
           "float8e5m2fnuz": "float8_e5m2fnuz", "float4e2m1": "float4_e2m1fn", "float6e2m3": "float6_e2m3fn", "float6e3m2": "float6_e3m2fn"}
made = {"values": [element(v) if v else ("-0" if np.signbit(v) else 0) for v in values.tolist()]}
for ours, theirs in formats.items():
    dtype = np.dtype("float16") if theirs == "float16" else np.dtype(getattr(ml_dtypes, theirs))
    with np.errstate(over="ignore"):
        made[ours] = values.astype(dtype).view("uint16" if dtype.itemsize == 2 else "uint8").tolist()
    if dtype.itemsize == 1:
        codes = np.arange(2 ** {"float4e2m1": 4, "float6e2m3": 6, "float6e3m2": 6}.get(ours, 8), dtype="uint8")
        made[f"{ours} numbers"] = [element(v) for v in codes.view(dtype).astype("float64").tolist()]
(folder / "formats.json").write_text("{\n" + ",\n".join(f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in made.items()) + "\n}\n")
print(len(cases), "cases,", len(text), "bytes")
