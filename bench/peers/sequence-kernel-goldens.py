"""Small cases of attention, recurrence, losses and ONNX Runtime's own operators: packages/onnx/goldens/kernels/FAMILY.json.

usage: python bench/peers/sequence-kernel-goldens.py [FAMILY ...]     (needs numpy, onnx, onnxruntime)

The cases have the form of kernel-goldens.py, whose functions make them.
"""
import importlib.util
import json
import pathlib
import sys

import numpy as np
import onnx.reference

spec = importlib.util.spec_from_file_location("goldens", pathlib.Path(__file__).with_name("kernel-goldens.py"))
goldens = importlib.util.module_from_spec(spec)
spec.loader.exec_module(goldens)


def plain_options(make=goldens.onnxruntime.SessionOptions):
    """One thread, since DynamicQuantizeLSTM rounds the states of each thread's samples by themselves; no rewriting."""
    options = make()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = goldens.onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


goldens.onnxruntime.SessionOptions = plain_options
grid, i64, f32, scalar, case = goldens.grid, goldens.i64, goldens.f32, goldens.scalar, goldens.case


def i32(*elements):
    return np.array(elements, "int32")


def u8(*dims, low=0, high=256):
    return grid(*dims, type="uint8", low=low, high=high)


def i8(*dims, low=-128, high=128):
    return grid(*dims, type="int8", low=low, high=high)


def microsoft(op, inputs, attributes=None, outputs=1, **rest):
    return case(op, inputs, attributes, opset=1, domain="com.microsoft", outputs=outputs, **rest)


def small(*dims):
    """Weights small enough that sums stay in the range of the activations."""
    return grid(*dims) / np.float32(4)


def einsum():
    a, b, c = grid(2, 3), grid(3, 4), grid(2, 3, 3)
    for equation, inputs in [
        ("ij,jk->ik", [a, b]), ("ij,jk", [a, b]), ("ij->ji", [a]), ("ba", [a]), ("ij->", [a]), ("bii->bi", [c]), ("bii", [c]),
        ("...ij,...jk->...ik", [grid(2, 1, 2, 3), grid(1, 3, 3, 2)]), ("b...,b...->b...", [c, c]), ("i...->...", [c]),
        ("ij,jk,kl->il", [a, b, grid(4, 2)]), ("i,j,k->kij", [grid(2), grid(3), grid(2)]), ("ijj,kj->ki", [c, a]),
        (" i j , j -> i ", [a, grid(3)]), ("iJ,Jk->kI".replace("I", "i"), [a, b]),
    ]:
        yield case("Einsum", inputs, {"equation": equation})


def losses():
    x, label = grid(3, 4), i64(1, 3, 0)
    weight = f32(0.5, 1, 2, 0.25)
    images, labels = grid(2, 3, 2, 2), i64(0, 2, 1, 1, 2, 2, 0, 7).reshape(2, 2, 2)
    for op, outputs in [("SoftmaxCrossEntropyLoss", 2), ("NegativeLogLikelihoodLoss", 1)]:
        for reduction in ["none", "sum", "mean"]:
            yield case(op, [x, label, weight], {"reduction": reduction}, outputs=outputs)
            yield case(op, [images, labels], {"reduction": reduction, "ignore_index": 7}, outputs=outputs)
        yield case(op, [images, labels, f32(0.5, 2, 1)], {"ignore_index": 7}, outputs=outputs)


def recurrent():
    length, batch, width, hidden = 4, 3, 2, 3
    x = grid(length, batch, width)
    for op, gates, outputs in [("LSTM", 4, 3), ("GRU", 3, 2), ("RNN", 1, 2)]:
        def operands(directions, lengths=None, *, peepholes=False):
            states = [small(directions, batch, hidden)] * (2 if op == "LSTM" else 1)
            return [x, small(directions, gates * hidden, width), small(directions, gates * hidden, hidden),
                    small(directions, 2 * gates * hidden), lengths, *states,
                    *([small(directions, 3 * hidden)] if peepholes else [])]
        each = {"LSTM": 3, "GRU": 2, "RNN": 1}[op]
        base = {"hidden_size": hidden}
        yield case(op, operands(1), base, outputs=outputs, opset=14)
        yield case(op, operands(1)[:3], {**base, "direction": "reverse"}, outputs=outputs, opset=14)
        yield case(op, operands(2, i32(4, 0, 3)), {**base, "direction": "bidirectional"}, outputs=outputs, opset=14)
        yield case(op, operands(1, i32(2, 4, 3)), {**base, "direction": "reverse", "clip": 0.5}, outputs=outputs, opset=14)
        defaults = ["Sigmoid", "Softsign", "LeakyRelu", "HardSigmoid", "Tanh", "Elu"]
        yield case(op, operands(2), {**base, "direction": "bidirectional", "activations": (defaults * 2)[1:1 + 2 * each]}, outputs=outputs, opset=14)
        some = ["Sigmoid", "Affine", "LeakyRelu", "HardSigmoid", "ScaledTanh", "Elu"]
        yield case(op, operands(2), {**base, "direction": "bidirectional", "activations": (some * 2)[2:2 + 2 * each],
                                     "activation_alpha": [0.5, 0.3, 0.75, 0.25, 0.8, 0.7][:2 * each],
                                     "activation_beta": [0.1, 0.2, 0.4, 0.3, 0.15, 0.6][:2 * each]}, outputs=outputs, opset=14)
        for name in ["Relu", "Softplus", "ThresholdedRelu"]:
            more = {"activation_alpha": [0.25] * each} if name == "ThresholdedRelu" else {}
            yield case(op, operands(1)[:4], {**base, "activations": [name] * each, **more}, outputs=outputs, opset=14)
    yield case("GRU", operands_of("GRU", x, hidden), {"hidden_size": hidden, "linear_before_reset": 1}, outputs=2, opset=14)
    yield case("LSTM", operands_of("LSTM", x, hidden), {"hidden_size": hidden, "input_forget": 1, "clip": 1.5}, outputs=3, opset=14)
    yield case("LSTM", operands_of("LSTM", x, hidden, peepholes=True), {"hidden_size": hidden}, outputs=3, opset=14)


def operands_of(op, x, hidden, *, peepholes=False):
    gates, (_, batch, width) = {"LSTM": 4, "GRU": 3}[op], x.shape
    states = [small(1, batch, hidden), small(1, batch, hidden)][:2 if op == "LSTM" else 1]
    given = [x, small(1, gates * hidden, width), small(1, gates * hidden, hidden), small(1, 2 * gates * hidden), None, *states]
    return [*given, small(1, 3 * hidden)] if peepholes else given


def attention():
    q, k, v = grid(2, 4, 3, 4), grid(2, 2, 5, 4), grid(2, 2, 5, 3)
    past = [grid(2, 2, 2, 4), grid(2, 2, 2, 3)]
    flat = [grid(2, 3, 16), grid(2, 5, 8), grid(2, 5, 6)]
    heads = {"q_num_heads": 4, "kv_num_heads": 2}
    mask = grid(2, 1, 3, 5, type="int32", low=0, high=2).astype(bool)
    mask[..., 0] = True
    yield case("Attention", flat, heads, opset=23)
    yield case("Attention", [q, k, v, grid(3, 5)], {"scale": 0.3, "softcap": 2.0}, opset=23)
    yield case("Attention", [q, k, v, mask], opset=23)
    yield case("Attention", [q, k, v, grid(4, 3, 7), *past], {"qk_matmul_output_mode": 2}, opset=23, outputs=4)
    yield case("Attention", [*flat, None, *past], {**heads, "qk_matmul_output_mode": 3}, opset=23, outputs=4)
    square = [grid(1, 2, 4, 4), grid(1, 2, 4, 4), grid(1, 2, 4, 4)]
    yield case("Attention", square, {"is_causal": 1}, opset=23)
    yield case("Attention", [q, k, v, None, None, None, i64(3, 5)], opset=24)
    for interleaved in [0, 1]:
        yield case("RotaryEmbedding", [grid(2, 3, 4, 6), grid(8, 3), grid(8, 3), i64(0, 3, 1, 2, 7, 6, 5, 4).reshape(2, 4)],
                   {"interleaved": interleaved}, opset=23)
        yield case("RotaryEmbedding", [grid(2, 4, 12), grid(2, 4, 2), grid(2, 4, 2)],
                   {"interleaved": interleaved, "num_heads": 2, "rotary_embedding_dim": 4}, opset=23)
        yield microsoft("RotaryEmbedding", [grid(2, 3, 12), i64(0, 3, 1, 2, 7, 6).reshape(2, 3), grid(8, 3), grid(8, 3)], {"interleaved": interleaved})
    yield microsoft("RotaryEmbedding", [grid(2, 2, 3, 6), i64(4), grid(8, 3), grid(8, 3)])
    yield microsoft("RotaryEmbedding", [grid(2, 3, 16), i64(4), grid(8, 2), grid(8, 2)], {"num_heads": 2, "rotary_embedding_dim": 4})


def by_onnx(op, inputs, attributes, opset, outputs=1):
    """A case with the outputs of the onnx package's evaluator, for what ONNX Runtime does not have yet."""
    helper = goldens.helper
    labels = [f"i{i}" if array is not None else "" for i, array in enumerate(inputs)]
    given = {label: array for label, array in zip(labels, inputs) if array is not None}
    outs = [f"o{i}" for i in range(outputs)]
    infos = [helper.make_tensor_value_info(label, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape) for label, array in given.items()]
    graph = helper.make_graph([helper.make_node(op, labels, outs, **attributes)], "one", infos, [goldens.onnx.ValueInfoProto(name=out) for out in outs])
    evaluator = goldens.onnx.reference.ReferenceEvaluator(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]))
    return case(op, inputs, attributes, opset=opset, expect=evaluator.run(None, given))


def attention_25():
    q, k, v = grid(2, 4, 3, 4), grid(2, 2, 6, 4), grid(2, 2, 6, 4)
    past = [grid(2, 2, 2, 4), grid(2, 2, 2, 4)]
    mask = grid(3, 6, type="int32", low=0, high=2).astype(bool)
    mask[1] = False
    for attributes in [{"is_causal": 1}, {"left_window_size": 1, "right_window_size": 1}, {"left_window_size": 0, "is_causal": 1}]:
        yield by_onnx("Attention", [q, k, v, None, None, None, i64(2, 6)], attributes, 25)
        yield by_onnx("Attention", [q, k, v, None, *past], {**attributes, "qk_matmul_output_mode": 3}, 25, outputs=4)
        yield by_onnx("Attention", [q, k, v], attributes, 25)
    yield by_onnx("Attention", [q, k, v, mask], {"is_causal": 1}, 25)
    yield by_onnx("Attention", [q, k, v, grid(3, 4), None, None, i64(2, 4)], {"right_window_size": 0, "softcap": 2.0}, 25)
    yield by_onnx("Attention", [q, k, v, mask[:, :1]], {"softmax_precision": 11}, 25)


def microsoft_attention():
    x, heads = grid(2, 3, 8), {"num_heads": 2}
    w, bias = small(8, 24), small(24)
    past, added = grid(2, 2, 2, 4, 4), grid(2, 2, 3, 3)
    yield microsoft("Attention", [x, w, bias], heads)
    yield microsoft("Attention", [x, w, bias, i32(2, 3)], heads)
    yield microsoft("Attention", [x, w, bias, i32(2, 3, 0, 1)], heads)
    yield microsoft("Attention", [x, w, bias, i32(1, 1, 0, 1, 0, 1).reshape(2, 3)], {**heads, "mask_filter_value": -5.0})
    yield microsoft("Attention", [x, w, bias, grid(2, 3, 3, type="int32", low=0, high=2)], heads)
    yield microsoft("Attention", [x, w, None, None, None, added], {**heads, "unidirectional": 1})
    yield microsoft("Attention", [x, w, bias, None, past], {**heads, "unidirectional": 1, "scale": 0.4}, outputs=2)
    yield microsoft("Attention", [x, w, bias, grid(2, 7, type="int32", low=0, high=2), past], heads, outputs=2)
    yield microsoft("Attention", [x, small(8, 22), small(22)], {**heads, "qkv_hidden_sizes": [8, 8, 6]})
    q, k, v = grid(2, 3, 8), grid(2, 5, 8), grid(2, 5, 6)
    yield microsoft("MultiHeadAttention", [q, k, v], heads)
    yield microsoft("MultiHeadAttention", [q, k, v, small(22), i32(1, 1, 0, 1, 0, 1, 1, 1, 0, 1).reshape(2, 5)], heads)
    yield microsoft("MultiHeadAttention", [q, k, v, None, i32(3, 5)], heads)
    yield microsoft("MultiHeadAttention", [q, k, v, None, None, grid(1, 2, 3, 5)], {**heads, "scale": 0.7})
    same = [grid(2, 3, 8), grid(2, 3, 8)]
    yield microsoft("MultiHeadAttention", [q, *same, small(24), None, None, *grid(2, 2, 2, 4, 4)], {**heads, "unidirectional": 1}, outputs=3)
    yield microsoft("MultiHeadAttention", [q, *same, None, grid(2, 3, 7, type="int32", low=0, high=2), grid(2, 1, 3, 7), *grid(2, 2, 2, 4, 4)],
                    heads, outputs=3)
    yield microsoft("MultiHeadAttention", [q, grid(2, 2, 5, 4), grid(2, 2, 5, 4)], heads)


def group_query_attention():
    heads = {"num_heads": 4, "kv_num_heads": 2}
    def operands(batch, length, past=0, size=16):
        caches = [grid(batch, 2, past, size), grid(batch, 2, past, size)] if past else [None, None]
        return [grid(batch, length, 4 * size), grid(batch, length, 2 * size), grid(batch, length, 2 * size), *caches]
    one = np.array(3, "int32")
    angles = np.linspace(0, 3, 80, dtype="float32").reshape(10, 8)
    caches = [np.cos(angles), np.sin(angles)]
    yield microsoft("GroupQueryAttention", [*operands(2, 3), i32(2, 2), one], heads, outputs=3)
    yield microsoft("GroupQueryAttention", [grid(2, 3, 128), None, None, None, None, i32(2, 2), one], {**heads, "scale": 0.2})
    yield microsoft("GroupQueryAttention", [*operands(2, 3), i32(2, 2), one, *caches], {**heads, "do_rotary": 1}, outputs=3)
    step = np.array(4, "int32")
    yield microsoft("GroupQueryAttention", [*operands(2, 1, 3), i32(2, 3), step, *caches], {**heads, "do_rotary": 1, "rotary_interleaved": 1}, outputs=3)
    yield microsoft("GroupQueryAttention", [*operands(1, 2, 3), i32(4), np.array(5, "int32"), *caches], {**heads, "do_rotary": 1}, outputs=3)
    yield microsoft("GroupQueryAttention", [*operands(1, 3, 4), i32(6), np.array(7, "int32")], {**heads, "local_window_size": 3}, outputs=3)
    yield microsoft("GroupQueryAttention", [*operands(2, 4), i32(3, 3), np.array(4, "int32")], {**heads, "local_window_size": 2})
    yield microsoft("GroupQueryAttention", [*operands(2, 3), i32(2, 2), one], {**heads, "softcap": 1.5})
    yield microsoft("GroupQueryAttention", [*operands(2, 3), i32(2, 2), one], {**heads, "smooth_softmax": 1})
    yield microsoft("GroupQueryAttention", [*operands(2, 3), i32(2, 2), one, None, None, None, grid(1, 4, 3, 3), grid(4)], heads)
    yield microsoft("GroupQueryAttention", [*operands(1, 2, 3), i32(4), np.array(5, "int32"), *caches, i64(5, 6).reshape(1, 2)], {**heads, "do_rotary": 1}, outputs=3)
    added = [None, None, None, grid(1, 4, 3, 3)]
    for mode in [1, 2]:
        yield microsoft("GroupQueryAttention", [*operands(1, 3), i32(2), one, *added], {**heads, "qk_output": mode, "softcap": 2.0}, outputs=4)


def microsoft_fused():
    x, matrix = grid(2, 3, 4), grid(4, 5)
    for op in ["Gelu", "FastGelu", "QuickGelu"]:
        yield microsoft(op, [x])
    yield microsoft("QuickGelu", [x], {"alpha": 0.8})
    yield microsoft("BiasGelu", [x, grid(4)])
    yield microsoft("FastGelu", [x, grid(4)])
    yield microsoft("FusedMatMul", [x, matrix], {"alpha": 0.5})
    yield microsoft("FusedMatMul", [grid(2, 4, 3), grid(2, 5, 4)], {"transA": 1, "transB": 1})
    yield microsoft("FusedMatMul", [grid(3, 2, 4), grid(2, 4, 5)], {"transBatchA": 1})
    yield microsoft("FusedMatMul", [grid(2, 3, 4), grid(4, 2, 5)], {"transBatchB": 1})
    yield microsoft("FusedMatMul", [grid(4, 2, 3), grid(5, 2, 4)], {"transBatchA": 1, "transA": 1, "transBatchB": 1, "transB": 1, "alpha": 2.0})
    yield microsoft("TransposeMatMul", [grid(2, 4, 3), grid(5, 4)], {"transA": 1, "transB": 1})
    for name, more in [("Relu", {}), ("LeakyRelu", {"activation_alpha": 0.2}), ("Sigmoid", {}), ("Tanh", {}),
                       ("HardSigmoid", {"activation_alpha": 0.25, "activation_beta": 0.4}), ("Softplus", {}), ("Softsign", {}),
                       ("Elu", {"activation_alpha": 0.7}), ("ThresholdedRelu", {"activation_alpha": 0.5})]:
        yield microsoft("FusedGemm", [grid(2, 4), matrix, grid(5)], {"activation": name, "beta": 0.5, **more})
    image, kernel = grid(1, 4, 4, 3), grid(2, 2, 2, 2)
    for name, params in [("Relu", None), ("Sigmoid", None), ("Tanh", None), ("LeakyRelu", [0.1]), ("Clip", [-0.5, 2.5]), ("HardSigmoid", [0.2, 0.4])]:
        more = {"activation_params": params} if params else {}
        yield microsoft("FusedConv", [image, kernel, grid(2)], {"activation": name, "group": 2, "pads": [1, 0, 0, 1], **more})
    yield microsoft("FusedConv", [image, kernel, grid(2), grid(1, 2, 3, 2)], {"activation": "Relu", "group": 2})
    yield microsoft("Inverse", [grid(2, 3, 3) + 4 * np.eye(3, dtype="float32")])
    yield case("SimplifiedLayerNormalization", [x, grid(4)], {"axis": -1, "epsilon": 0.001}, outputs=2)
    yield microsoft("SkipLayerNormalization", [x, grid(2, 3, 4), grid(4), grid(4), grid(4)], {"epsilon": 0.01}, outputs=1)
    for skip in [grid(1, 3, 4), grid(3, 4), grid(2, 3, 4)]:
        yield microsoft("SkipLayerNormalization", [x, skip, grid(4)])
    yield microsoft("SkipSimplifiedLayerNormalization", [x, grid(2, 3, 4), grid(4), grid(4)], {"epsilon": 0.01})
    words, segments = i32(0, 5, 2, 1, 1, 3).reshape(2, 3), i32(0, 1, 1, 0, 0, 1).reshape(2, 3)
    tables = [grid(6, 4), grid(5, 4), grid(2, 4)]
    yield microsoft("EmbedLayerNormalization", [words, segments, *tables, grid(4), grid(4), i32(1, 1, 0, 1, 1, 1).reshape(2, 3)], outputs=3)
    yield microsoft("EmbedLayerNormalization", [words, None, *tables[:2], None, grid(4), grid(4), None, i32(4, 0, 2).reshape(1, 3)],
                    {"epsilon": 0.1}, outputs=2)


def q(value, type="float32"):
    return scalar(value, type)


def microsoft_quantized():
    x, y = u8(2, 3, 4), u8(3, 1)
    sx, zx, sy, zy, sz, zz = q(0.037), q(120, "uint8"), q(0.021), q(99, "uint8"), q(0.051), q(131, "uint8")
    signed = [i8(2, 3), q(0.03), q(-5, "int8")]
    for op in ["QLinearAdd", "QLinearMul"]:
        yield microsoft(op, [x, sx, zx, y, sy, zy, sz, zz])
        yield microsoft(op, [*signed, i8(3), q(0.02), q(7, "int8"), q(0.043), q(-11, "int8")])
    for op, attributes in [("QLinearSigmoid", {}), ("QLinearLeakyRelu", {"alpha": 0.1})]:
        yield microsoft(op, [x, sx, zx, q(0.0123), q(17, "uint8")], attributes)
        yield microsoft(op, [*signed, q(0.0131), q(-100, "int8")], attributes)
    yield microsoft("QLinearSoftmax", [x, sx, zx, q(0.00390625), q(0, "uint8")], {"axis": -1, "opset": 13})
    yield microsoft("QLinearSoftmax", [x, sx, zx, q(0.00390625), q(0, "uint8")], {"axis": 1, "opset": 13})
    yield microsoft("QLinearSoftmax", [x, sx, zx, q(0.00390625), q(0, "uint8")], {"axis": 1, "opset": 11})
    yield microsoft("QLinearConcat", [sz, zz, x, sx, zx, u8(2, 2, 4), sy, zy], {"axis": 1})
    yield microsoft("QLinearWhere", [grid(2, 1, 4, type="int32", low=0, high=2).astype(bool), x, sx, zx, y, sy, zy, sz, zz])
    image = u8(1, 4, 5, 3)
    pool = {"kernel_shape": [2, 2], "pads": [1, 0, 0, 1], "strides": [2, 1]}
    yield microsoft("QLinearAveragePool", [image, sx, zx, q(0.0217), zy], pool)
    yield microsoft("QLinearAveragePool", [image, sx, zx, q(0.0217), zy], {**pool, "count_include_pad": 1, "channels_last": 1})
    yield microsoft("QLinearGlobalAveragePool", [image, sx, zx, q(0.0217), zy])
    yield microsoft("QLinearGlobalAveragePool", [image, sx, zx, q(0.0217), zy], {"channels_last": 1})
    # ONNX Runtime saturates sums of two products of 8 bits on processors without VNNI: the weights stay below 64
    weights, scales = i8(2, 4, 2, 2, low=-60, high=61), f32(0.011, 0.023)
    bias = i32(300, -900)
    conv = [sx, zx, weights, scales, np.zeros(2, "int8"), q(0.9), zz, bias]
    yield microsoft("QLinearConv", [image, *conv], {"pads": [1, 0, 0, 1]})
    yield microsoft("QLinearConv", [np.ascontiguousarray(image.transpose(0, 2, 3, 1)), *conv], {"pads": [1, 0, 0, 1], "channels_last": 1})
    yield microsoft("NhwcMaxPool", [image], {"kernel_shape": [2, 2], "pads": [1, 0, 0, 1]})
    a, b = u8(3, 4), i8(4, 2, low=-60, high=61)
    yield microsoft("QGemm", [a, sx, zx, b, sy, q(3, "int8"), i32(500, -700), q(0.7), zz])
    yield microsoft("QGemm", [np.ascontiguousarray(a.T), sx, zx, np.ascontiguousarray(b.T), scales, np.array([3, -4], "int8"), i32(500, -700)],
                    {"transA": 1, "transB": 1, "alpha": 0.5})
    yield microsoft("MatMulIntegerToFloat", [u8(2, 3, 4), b, sx, scales, zx, np.array([3, -4], "int8"), f32(0.5, -1)])
    yield microsoft("MatMulIntegerToFloat", [u8(2, 4), u8(4, 3), sx, sy, zx, zy])
    yield microsoft("DynamicQuantizeMatMul", [grid(3, 4), b, scales, np.array([3, -4], "int8"), f32(0.5, -1)])
    yield microsoft("DynamicQuantizeMatMul", [grid(2, 3, 4), u8(4, 3), sy, zy])
    packed = [u8(2, 3, 8), i8(8, 24, low=-60, high=61), small(24), q(0.01), q(0.012)]
    yield microsoft("QAttention", [*packed, i32(2, 3), q(128, "uint8"), q(3, "int8")], {"num_heads": 2})
    yield microsoft("QAttention", [*packed, None, q(128, "uint8"), q(3, "int8"), grid(2, 2, 2, 2, 4)], {"num_heads": 2, "unidirectional": 1}, outputs=2)
    for zero in [None, zx]:
        given = [sx, *([] if zero is None else [zero])]
        yield microsoft("DequantizeLinear", [x, *given])
        yield microsoft("QuantizeLinear", [grid(2, 3, 4), *given])
    yield microsoft("DequantizeLinear", [x, f32(0.1, 0.2, 0.3), np.array([1, 2, 3], "uint8")], {"axis": 1})
    yield microsoft("QuantizeLinear", [grid(2, 3, 4), f32(0.01, 0.02, 0.3), np.array([1, -2, 3], "int8")], {"axis": 1})


def block_quantized():
    for bits, block, inner, columns in [(4, 16, 40, 3), (8, 16, 32, 2), (2, 16, 48, 2), (4, 32, 32, 4)]:
        blocks = -(-inner // block)
        x, w, scales = grid(2, inner), u8(columns, blocks, block * bits // 8), small(columns, blocks)
        attributes = {"K": inner, "N": columns, "bits": bits, "block_size": block}
        yield microsoft("MatMulNBits", [x, w, scales], attributes)
        yield microsoft("MatMulNBits", [x, w, scales, u8(columns, -(-blocks * bits // 8)), None, grid(columns)], attributes)
    yield microsoft("MatMulNBits", [grid(1, 2, 32), u8(3, 2, 8), small(3, 2), grid(3, 2)], {"K": 32, "N": 3, "bits": 4, "block_size": 16})
    for bits in [4, 8]:
        table, scales = u8(5, 32 * bits // 8), small(5, 2)
        attributes = {"bits": bits, "block_size": 16, "gather_axis": 0, "quantize_axis": 1}
        yield microsoft("GatherBlockQuantized", [table, i64(4, 0, -1).reshape(1, 3), scales], attributes)
        yield microsoft("GatherBlockQuantized", [table, i32(2, 1), scales, u8(5, 2 * bits // 8)], attributes)


def dynamic_quantize_lstm():
    length, batch, width, hidden = 3, 2, 4, 4
    for type, directions, per in [("int8", 1, None), ("uint8", 2, None), ("int8", 2, 4 * hidden)]:
        low, high = (-60, 61) if type == "int8" else (64, 190)
        w = grid(directions, width, 4 * hidden, type=type, low=low, high=high)
        r = grid(directions, hidden, 4 * hidden, type=type, low=low, high=high)
        dims = (directions,) if per is None else (directions, per)
        scale = (grid(*dims, low=5, high=20) / 640).astype("float32")
        zero = np.full(dims, 0 if type == "int8" else 128, type)
        states = [small(directions, batch, hidden), small(directions, batch, hidden)]
        direction = "bidirectional" if directions == 2 else "forward"
        yield microsoft("DynamicQuantizeLSTM", [grid(length, batch, width), w, r, small(directions, 8 * hidden), None, *states, None, scale, zero, scale, zero],
                        {"hidden_size": hidden, "direction": direction}, outputs=3)


def experts():
    def scores(tokens, count):
        """No two of a row are equal: which of equals an expert is chosen from is not specified."""
        return np.stack([goldens.rng.permutation(count) for _ in range(tokens)]).astype("float32") / 2 - grid(tokens, 1)

    x, router = grid(5, 8), scores(5, 4)
    def layers(fused=1, inner=6):
        return [small(4, fused * inner, 8), small(4, fused * inner), small(4, 8, inner), small(4, 8)]
    for activation in ["relu", "gelu", "silu", "identity"]:
        yield microsoft("MoE", [x, router, *layers()], {"k": 2, "activation_type": activation})
    yield microsoft("MoE", [grid(2, 3, 8), scores(6, 4), small(4, 6, 8), None, small(4, 8, 6)], {"k": 3, "normalize_routing_weights": 1})
    for limit in [{}, {"swiglu_limit": 0.75, "activation_alpha": 1.5, "activation_beta": 1.0}]:
        yield microsoft("MoE", [x, router, *layers(2)], {"k": 2, "activation_type": "swiglu", "swiglu_fusion": 1, **limit})
    wide, both = grid(2, 32), scores(2, 2)
    for bits, zeros, block in [(8, False, 0), (4, False, 0), (4, True, 16), (2, False, 16)]:
        blocks = 2 if block else 1
        def layer(rows):
            scales = small(2, rows, 2) if block else small(2, rows)
            return [u8(2, rows, 32 * bits // 8), scales / np.float32(8), small(2, rows)]
        def points(rows):
            if not zeros:
                return None
            return u8(2, rows, -(-blocks * bits // 8)) if block else u8(2, rows * bits // 8)
        more = {"block_size": block} if block else {}
        yield microsoft("QMoE", [wide, both, *layer(32), *layer(32), None, None, None, *([points(32), points(32)] if zeros else [])],
                        {"k": 2 if zeros else 1, "activation_type": "silu", "expert_weight_bits": bits, "weights_prepacked": 0, **more})


def microsoft_more():
    x = grid(2, 3, 4)
    yield microsoft("ScaledSiLU", [x], {"alpha": 0.7})
    yield microsoft("GatedAdd", [x, grid(2, 3, 4), grid(2, 3, 1)])
    yield microsoft("LinearAttentionGate", [x, grid(4), grid(4), grid(2, 3, 4)], outputs=2)
    for activation in ["silu", "sigmoid"]:
        yield microsoft("GatedRMSNorm", [grid(2, 3, 8), grid(4), grid(2, 3, 8)], {"activation": activation, "epsilon": 0.01})
    for kind in [0, 1]:
        yield microsoft("MatMulBnb4", [grid(2, 15), u8(60), grid(8)], {"K": 15, "N": 8, "block_size": 16, "quant_type": kind})
    for rule, more in [("linear", []), ("gated", [grid(2, 3, 4) - 2]), ("delta", [None, grid(2, 3, 2) / 8 + 0.5]), ("gated_delta", [grid(2, 3, 2) - 2, grid(2, 3, 1) / 8 + 0.5])]:
        operands = [small(2, 3, 8), small(2, 3, 4), grid(2, 3, 6), small(2, 2, 2, 3), *more]
        yield microsoft("LinearAttention", [a if a is None else a.astype("float32") for a in operands],
                        {"q_num_heads": 4, "kv_num_heads": 2, "update_rule": rule}, outputs=2)
    yield microsoft("CausalConvWithState", [grid(2, 3, 4), grid(3, 1, 3), grid(3), grid(2, 3, 2)], {"activation": "silu"}, outputs=2)
    yield microsoft("UnfoldTensor", [grid(2, 7)], {"dim": 1, "size": 3, "step": 2})
    yield microsoft("GatherND", [grid(2, 3), i64(0, 1, 1, 2).reshape(2, 2)])
    yield microsoft("GridSample", [grid(1, 2, 3, 4), grid(1, 2, 2, 2) / np.float32(2)], {"mode": "bilinear", "align_corners": 0})
    yield microsoft("Range", [scalar(1.0), scalar(3.0), scalar(0.75)])
    yield microsoft("Range", [scalar(1, "int32"), scalar(5, "int32")])
    words, segments = i32(0, 5, 2, 1, 1, 3).reshape(2, 3), i32(0, 1, 1, 0, 0, 1).reshape(2, 3)
    scales, zeros = [q(0.02), q(0.03), q(0.01), q(0.015), q(0.005)], [q(value, "uint8") for value in [120, 130, 99, 10, 128]]
    yield microsoft("QEmbedLayerNormalization", [words, segments, u8(6, 4), u8(5, 4), u8(2, 4), u8(4), u8(4), i32(1, 1, 0, 1, 1, 1).reshape(2, 3),
                                                 *scales, *zeros], {"epsilon": 0.01}, outputs=2)


def microsoft_shape():
    x = grid(2, 3)
    yield microsoft("Pad", [x, i64(0, 1, 2, 0), scalar(1.5)])
    yield microsoft("Pad", [x, i64(1, -1, 0, 1).reshape(1, 4)])
    yield microsoft("Trilu", [grid(2, 3, 4), np.array(1, "int64")])
    yield microsoft("Trilu", [grid(3, 3)], {"upper": 0})
    for axis in [0, -1, 1]:
        yield microsoft("ExpandDims", [x, np.array(axis, "int32")])
    yield microsoft("Unique", [f32(2, 1, 1, 3, 4, 3)], outputs=3)


families = {"einsum": einsum, "losses": losses, "recurrent": recurrent, "attention": attention, "attention-25": attention_25, "microsoft-attention": microsoft_attention,
            "group-query-attention": group_query_attention, "microsoft-fused": microsoft_fused,
            "microsoft-quantized": microsoft_quantized, "block-quantized": block_quantized, "microsoft-shape": microsoft_shape,
            "dynamic-quantize-lstm": dynamic_quantize_lstm, "experts": experts, "microsoft-more": microsoft_more}

if __name__ == "__main__":
    for family in sys.argv[1:] or families:
        goldens.rng = np.random.default_rng(7)
        rows, refused = [], []
        made = families[family]()
        rows = [json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in made]
        file = goldens.folder / f"{family}.json"
        file.write_text("[\n" + ",\n".join(rows) + "\n]\n")
        print(family, len(rows), "cases", file.stat().st_size, "bytes")
