"""Makes the models and expected types of src/types/infer-goldens.test.ts.

Needs onnx, torch and transformers. Writes, beside itself, NAME.onnx and NAME.types.json: for every intermediate value
and output the element type and dimensions that onnx.shape_inference finds (null: unknown).

    python packages/onnx/goldens/infer-types.py
"""

import json
import pathlib

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from transformers import BertConfig, BertForSequenceClassification

HERE = pathlib.Path(__file__).resolve().parent


def save(name, model):
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    types = {}
    for value in [*inferred.graph.value_info, *inferred.graph.output]:
        tensor = value.type.tensor_type
        dims = [d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in tensor.shape.dim]
        types[value.name] = [tensor.elem_type, dims if tensor.HasField("shape") else None]
    del model.graph.value_info[:]
    onnx.save(model, HERE / f"{name}.onnx")
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(types[key])}" for key in sorted(types))
    (HERE / f"{name}.types.json").write_text("{\n" + lines + "\n}\n")
    print(name, len(model.graph.node), "nodes,", len(types), "types,", model.ByteSize(), "bytes")


def operators():
    """Every operator with a rule in a few forms, on inputs a [batch, sequence, 8], b [batch, 1, 8], i [batch, sequence]."""
    nodes, initializers = [], []

    def const(values, dtype=np.int64):
        name = f"c{len(initializers)}"
        initializers.append(numpy_helper.from_array(np.array(values, dtype), name))
        return name

    def op(kind, *inputs, outputs=1, **attributes):
        name = f"{kind}_{len(nodes)}"
        made = [name] if outputs == 1 else [f"{name}.{k}" for k in range(outputs)]
        nodes.append(helper.make_node(kind, list(inputs), made, name=name, **attributes))
        return made[0] if outputs == 1 else made

    for kind in "Erf Tanh Sqrt Exp Log Neg Relu Sigmoid Abs Floor Reciprocal Identity".split():
        op(kind, "a")
    for kind in "Add Sub Mul Div Pow Min Max".split():
        op(kind, "a", "b")
        op(kind, "a", const(2.0, np.float32))
    for kind in "Equal Less Greater GreaterOrEqual LessOrEqual".split():
        op(kind, "a", "b")
    mask = op("Less", "i", const(5))
    op("Not", mask)
    op("And", mask, op("Not", mask))
    op("Where", op("Unsqueeze", mask, const([-1])), "a", "b")
    for axis in (-1, 1):
        op("Softmax", "a", axis=axis)
        op("LogSoftmax", "a", axis=axis)
    op("LayerNormalization", "a", const([1.0] * 8, np.float32), const([0.0] * 8, np.float32), outputs=3, axis=-1)
    weight = const(np.zeros((8, 5)), np.float32)
    op("MatMul", "a", weight)
    op("MatMul", "a", op("Transpose", "a", perm=[0, 2, 1]))
    op("MatMul", op("Transpose", "a", perm=[0, 2, 1]), "a")
    op("MatMul", const(np.zeros(8), np.float32), weight)
    flat = op("Reshape", "a", const([-1, 8]))
    op("Gemm", flat, weight, const(np.zeros(5), np.float32))
    op("Gemm", flat, const(np.zeros((5, 8)), np.float32), transB=1)
    op("Gemm", flat, flat, transA=1)
    op("Transpose", "a")
    op("Reshape", "a", const([0, 0, 2, 4]))
    op("Reshape", "a", const([0, -1]))
    op("Reshape", const(np.zeros((6, 4)), np.float32), const([2, -1, 2]))
    op("Flatten", "a", axis=2)
    table = const(np.zeros((30, 8)), np.float32)
    op("Gather", table, "i")
    op("Gather", "a", const(0), axis=1)
    op("Gather", "a", const([1, 2]), axis=-1)
    op("GatherElements", "a", const(np.zeros((2, 3, 4))), axis=2)
    op("ScatterElements", "a", const(np.zeros((1, 1, 1))), const(np.zeros((1, 1, 1)), np.float32), axis=2)
    op("Slice", "a", const([0]), const([4]), const([2]))
    op("Slice", "a", const([-3]), const([2**63 - 1]), const([-1]))
    op("Slice", "a", const([0, 6]), const([2**63 - 1, 0]), const([0, 2]), const([1, -2]))
    op("Concat", "a", "a", axis=-1)
    op("Concat", "a", "b", axis=1)
    op("Split", "a", const([3, 5]), outputs=2, axis=2)
    op("Split", "a", outputs=4, axis=2)
    op("Unsqueeze", "a", const([0, -1]))
    op("Squeeze", "b", const([1]))
    op("Cast", "a", to=TensorProto.INT32)
    for kind in "ReduceSum ReduceMean ReduceMax".split():
        axes = {} if kind == "ReduceSum" else {"axes": [-1]}
        extra = [const([-1])] if kind == "ReduceSum" else []
        op(kind, "a", *extra, **axes)
        op(kind, "a", *extra, keepdims=0, **axes)
        op(kind, "a", keepdims=0)
    op("ArgMax", "a", axis=-1, keepdims=0)
    op("Pad", "a", const([0, 0, 1, 0, 0, 2]))
    op("Tile", "a", const([1, 1, 3]))
    op("Trilu", const(np.zeros((4, 4)), np.float32), upper=0)
    op("Range", const(0), const(7), const(2))
    op("Clip", "a", const(0.0, np.float32))
    op("Dropout", "a", outputs=2)
    op("CumSum", "a", const(1))
    op("Constant", value=numpy_helper.from_array(np.zeros((2, 2), np.float32)))
    op("Constant", value_ints=[1, 2, 3])
    op("OneHot", "i", const(4), const([0.0, 1.0], np.float32))
    op("TopK", "a", const([3]), outputs=2)
    op("NonZero", "a")
    op("Size", "a")
    scale, zero = const(0.1, np.float32), const(3, np.uint8)
    quantized = op("QuantizeLinear", "a", scale, zero)
    op("DequantizeLinear", quantized, scale, zero)
    op("QuantizeLinear", "a", scale)
    op("DynamicQuantizeLinear", "a", outputs=3)
    op("MatMulInteger", quantized, const(np.zeros((8, 5)), np.int8))
    shape = op("Shape", "a")
    op("Shape", "a", start=1)
    batch = op("Gather", shape, const(0))
    length = op("Slice", shape, const([1]), const([2]))
    heads = op("Concat", op("Unsqueeze", batch, const([0])), length, const([2]), const([4]), axis=0)
    op("Transpose", op("Reshape", "a", heads), perm=[0, 2, 1, 3])
    op("ConstantOfShape", shape, value=numpy_helper.from_array(np.array([1], np.int64)))
    op("Expand", "b", shape)
    op("Expand", "b", const([4, 1, 3, 8]))
    op("Where", op("Equal", heads, const([-1, -1, -1, -1])), op("ConstantOfShape", const([4])), op("Cast", heads, to=TensorProto.FLOAT))
    op("Range", const(0), op("Squeeze", length, const([0])), const(1))
    used = {name for node in nodes for name in node.input}
    ends = [name for node in nodes for name in node.output if name not in used]
    value = helper.make_tensor_value_info
    inputs = [
        value("a", TensorProto.FLOAT, ["batch", "sequence", 8]),
        value("b", TensorProto.FLOAT, ["batch", 1, 8]),
        value("i", TensorProto.INT64, ["batch", "sequence"]),
    ]
    graph = helper.make_graph(nodes, "operators", inputs, [onnx.ValueInfoProto(name=name) for name in ends], initializers)
    probe = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    types = {v.name: v for v in onnx.shape_inference.infer_shapes(probe, data_prop=True).graph.output}
    for output in probe.graph.output:
        output.CopyFrom(types[output.name])
    stripped = onnx.ModelProto.FromString(probe.SerializeToString())
    for output in stripped.graph.output:
        output.type.tensor_type.ClearField("shape")
    return stripped


def exported(name, model, names, outputs, opset):
    model.eval()
    ids = torch.zeros((2, 5), dtype=torch.int64)
    path = HERE / f"{name}.onnx"
    axes = {key: {0: "batch", 1: "sequence"} for key in names}
    torch.onnx.export(
        model, (ids, torch.ones_like(ids)), str(path), input_names=names, output_names=outputs, dynamic_axes=axes,
        opset_version=opset, dynamo=False,
    )
    result = onnx.load(str(path))
    for node in result.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    return result


def main():
    torch.manual_seed(7)
    save("operators", operators())
    bert = BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12,
                      max_position_embeddings=16, num_labels=2, attn_implementation="eager")
    save("bert", exported("bert", BertForSequenceClassification(bert), ["input_ids", "attention_mask"], ["logits"], 17))


main()
