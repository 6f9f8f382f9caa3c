"""Small cases of attention, recurrence, losses and ONNX Runtime's own operators: packages/onnx/goldens/kernels/FAMILY.json.

usage: python bench/peers/sequence-kernel-goldens.py [FAMILY ...]     (needs numpy, onnx, onnxruntime)

The cases have the form of kernel-goldens.py, whose functions make them.
"""
import importlib.util
import json
import pathlib
import sys

import numpy as np

spec = importlib.util.spec_from_file_location("goldens", pathlib.Path(__file__).with_name("kernel-goldens.py"))
goldens = importlib.util.module_from_spec(spec)
spec.loader.exec_module(goldens)
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


families = {"einsum": einsum, "losses": losses, "recurrent": recurrent, "attention": attention, "microsoft-attention": microsoft_attention,
            "group-query-attention": group_query_attention, "microsoft-fused": microsoft_fused}

if __name__ == "__main__":
    for family in sys.argv[1:] or families:
        goldens.rng = np.random.default_rng(7)
        rows, refused = [], []
        made = families[family]()
        rows = [json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in made]
        file = goldens.folder / f"{family}.json"
        file.write_text("[\n" + ",\n".join(rows) + "\n]\n")
        print(family, len(rows), "cases", file.stat().st_size, "bytes")
