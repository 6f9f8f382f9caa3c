"""Small cases of operators with the outputs ONNX Runtime gives them: packages/onnx/goldens/kernels/FAMILY.json.

usage: python bench/peers/kernel-goldens.py [FAMILY ...]     (needs numpy, onnx, onnxruntime)

A case is {op, domain?, opset, attributes, inputs, outputs}; a tensor is [type, dims, elements], null where omitted; a
float attribute is {"float": x} or {"floats": [...]}, a tensor attribute {"tensor": [type, dims, elements]}. Inputs are drawn with a fixed seed from a coarse grid, so the files stay small.
"""
import json
import pathlib
import sys

import numpy as np
import onnx
import onnx.reference
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

folder = pathlib.Path(__file__).parents[2] / "packages/onnx/goldens/kernels"
names = {"float32": "float32", "float64": "float64", "int64": "int64", "int32": "int32", "uint8": "uint8", "int8": "int8",
         "bool": "bool", "object": "string"}
rng = np.random.default_rng(7)


def grid(*dims, type="float32", low=-8, high=9):
    """Elements on a grid of quarters (floats) or whole numbers (integers)."""
    drawn = rng.integers(low, high, dims)
    return (drawn / 4).astype(type) if type.startswith("float") else drawn.astype(type)


def i64(*elements):
    return np.array(elements, "int64")


def f32(*elements):
    return np.array(elements, "float32")


def scalar(value, type="float32"):
    return np.array(value, type)


def pack(array):
    if array is None:
        return None
    if array.dtype.kind in "fc":
        elements = [float(f"{element:.7g}") for element in array.ravel().tolist()]
        elements = [int(element) if element == int(element) else element for element in elements]
    elif array.dtype == bool:
        elements = [int(element) for element in array.ravel()]
    else:
        elements = array.ravel().tolist()
    return [names[str(array.dtype)], list(array.shape), elements]


def json_attribute(value):
    if isinstance(value, onnx.TensorProto):
        return {"tensor": pack(numpy_helper.to_array(value))}
    if isinstance(value, float):
        return {"float": value}
    if isinstance(value, (list, tuple)) and value and all(isinstance(each, float) for each in value):
        return {"floats": list(value)}
    return list(value) if isinstance(value, tuple) else value


def evaluated(op, inputs, attributes, outputs, domain):
    """Outputs of onnx's own evaluator, for operators that ONNX Runtime lacks."""
    labels, outs = [f"i{i}" for i in range(len(inputs))], [f"o{i}" for i in range(outputs)]
    node = helper.make_node(op, labels, outs, domain=domain, **attributes)
    infos = [helper.make_tensor_value_info(label, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
             for label, array in zip(labels, inputs)]
    graph = helper.make_graph([node], "one", infos, [onnx.ValueInfoProto(name=out) for out in outs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(domain, 1)])
    given = onnx.reference.ReferenceEvaluator(model).run(None, dict(zip(labels, inputs)))
    return [array.astype("float32") for array in given]


def case(op, inputs, attributes=None, *, opset=17, domain="", outputs=1, expect=None):
    """One operator on constants; `expect` gives outputs that ONNX Runtime cannot."""
    attributes = attributes or {}
    given = [array for array in inputs if array is not None]
    wanted = expect
    if wanted is None:
        labels = [f"i{i}" if array is not None else "" for i, array in enumerate(inputs)]
        outs = [f"o{i}" for i in range(outputs)]
        node = helper.make_node(op, labels, outs, domain=domain, **attributes)
        infos = [helper.make_tensor_value_info(label, helper.np_dtype_to_tensor_dtype(array.dtype) if array.dtype != object else
                                               TensorProto.STRING, array.shape)
                 for label, array in zip(labels, inputs) if array is not None]
        graph = helper.make_graph([node], "one", infos, [onnx.ValueInfoProto(name=out) for out in outs])
        imports = [helper.make_opsetid("", opset if domain == "" else 17)]
        if domain:
            imports.append(helper.make_opsetid(domain, opset))
        model = helper.make_model(graph, opset_imports=imports, ir_version=8)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        wanted = session.run(None, {label: array for label, array in zip(labels, inputs) if array is not None})
    row = {"op": op, "opset": opset, "attributes": {name: json_attribute(value) for name, value in attributes.items()},
           "inputs": [pack(array) for array in inputs], "outputs": [pack(np.asarray(array)) for array in wanted]}
    if domain:
        row["domain"] = domain
    return row


def convolution():
    x1, x2, x3 = grid(1, 4, 7), grid(2, 4, 5, 6), grid(1, 2, 4, 3, 4)
    w2, bias = grid(6, 2, 3, 2), grid(6)
    yield case("Conv", [x1, grid(2, 4, 3)], {"auto_pad": "SAME_LOWER", "strides": [2]})
    yield case("Conv", [x2, w2, bias], {"group": 2, "pads": [1, 0, 2, 1], "strides": [2, 1], "dilations": [1, 2]})
    yield case("Conv", [x2, w2], {"group": 2, "auto_pad": "SAME_UPPER", "strides": [2, 2], "kernel_shape": [3, 2]}, opset=7)
    yield case("Conv", [x2, grid(4, 1, 2, 2)], {"group": 4, "auto_pad": "VALID"})
    yield case("Conv", [x3, grid(3, 2, 2, 2, 3), grid(3)], {"pads": [1, 0, 1, 0, 1, 0]})
    u, k = grid(1, 2, 4, 4, type="uint8", low=0, high=255), grid(4, 1, 2, 2, type="uint8", low=0, high=255)
    yield case("ConvInteger", [u, k, scalar(120, "uint8"), scalar(99, "uint8")], {"group": 2, "pads": [1, 1, 0, 0]})
    scales = f32(0.01, 0.02, 0.005, 0.03)
    yield case("QLinearConv", [u, scalar(0.05), scalar(100, "uint8"), grid(4, 1, 2, 2, type="int8", low=-30, high=31), scales,
                               np.zeros(4, "int8"), scalar(0.4), scalar(128, "uint8"), np.array([100, -900, 5, 0], "int32")],
               {"group": 2, "strides": [2, 2]})
    t, v = grid(1, 4, 3, 4), grid(4, 2, 3, 2)
    yield case("ConvTranspose", [t, v, grid(4)], {"group": 2, "strides": [2, 3], "pads": [1, 0, 1, 1], "output_padding": [1, 2]})
    yield case("ConvTranspose", [t, v], {"dilations": [2, 1], "output_shape": [7, 5]})
    yield case("ConvTranspose", [grid(1, 1, 3, 3, 2), grid(1, 2, 2, 2, 2)], {"strides": [2, 1, 2]})
    yield case("Col2Im", [grid(2, 8, 6), i64(3, 4), i64(2, 2)], opset=18)
    yield case("Col2Im", [grid(1, 4, 6), i64(4, 5), i64(2, 2)], {"dilations": [2, 2], "pads": [1, 1, 0, 0], "strides": [1, 2]},
               opset=18)


def pooling():
    x, x1, x3 = grid(1, 2, 5, 6), grid(1, 2, 8), grid(1, 1, 4, 5, 4)
    yield case("AveragePool", [x], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]}, opset=7)
    yield case("AveragePool", [x], {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1], "strides": [2, 2], "ceil_mode": 1,
                                    "count_include_pad": 1}, opset=19)
    yield case("AveragePool", [x], {"kernel_shape": [2, 2], "dilations": [2, 3], "pads": [0, 1, 1, 1]}, opset=19)
    yield case("AveragePool", [x1], {"kernel_shape": [3], "strides": [2], "ceil_mode": 1}, opset=10)
    yield case("AveragePool", [x3], {"kernel_shape": [2, 2, 2], "auto_pad": "SAME_LOWER", "strides": [2, 1, 2]})
    yield case("MaxPool", [x], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2], "ceil_mode": 1}, outputs=2)
    yield case("MaxPool", [x], {"kernel_shape": [2, 2], "storage_order": 1, "dilations": [2, 1]}, outputs=2)
    yield case("MaxPool", [x3], {"kernel_shape": [2, 3, 2], "storage_order": 1}, outputs=2)
    yield case("MaxPool", [grid(1, 1, 9, type="int8")], {"kernel_shape": [3], "auto_pad": "SAME_LOWER", "strides": [2]})
    yield case("MaxPool", [x], {"kernel_shape": [2, 2]}, opset=7)
    yield case("LpPool", [x], {"kernel_shape": [2, 3], "p": 3, "strides": [1, 2]}, opset=11)
    yield case("LpPool", [x], {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0], "dilations": [1, 2], "ceil_mode": 1, "strides": [2, 2]},
               opset=18)
    for op in ["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"]:
        yield case(op, [x])
    yield case("GlobalLpPool", [x3], {"p": 1})
    indices = i64(5, 7, 13, 10, 21, 23, 29, 26).reshape(1, 2, 2, 2)
    yield case("MaxUnpool", [grid(1, 2, 2, 2), indices], {"kernel_shape": [2, 2], "strides": [2, 2]})
    rois = f32(0, 0, 0, 3, 3, 0, 2, 1, 5, 4, 0, 1, 1, 1, 2).reshape(3, 5)
    yield case("MaxRoiPool", [x, rois], {"pooled_shape": [2, 2], "spatial_scale": 1.0})
    yield case("MaxRoiPool", [x, rois], {"pooled_shape": [1, 3], "spatial_scale": 0.5})


def resizing():
    x, none = grid(1, 1, 4, 5), None
    up, down = f32(1, 1, 1.6, 2.3), f32(1, 1, 0.6, 0.8)
    for coordinates in ["half_pixel", "pytorch_half_pixel", "asymmetric", "half_pixel_symmetric"]:
        for mode, scales in [("linear", up), ("cubic", down)]:
            if (coordinates, mode) != ("half_pixel_symmetric", "cubic"):
                yield case("Resize", [x, none, scales], {"mode": mode, "coordinate_transformation_mode": coordinates}, opset=19)
    for near in ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]:
        yield case("Resize", [x, f32(), f32(1, 1, 2, 0.5)], {"nearest_mode": near}, opset=11 if near == "ceil" else 13)
    yield case("Resize", [x, none, none, i64(1, 1, 7, 3)], {"mode": "linear", "coordinate_transformation_mode": "align_corners"}, opset=13)
    yield case("Resize", [x, none, none, i64(1, 1, 6, 9)], {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1}, opset=18)
    yield case("Resize", [x, none, none, i64(2, 3)], {"mode": "linear", "antialias": 1, "axes": [2, 3]}, opset=18)
    yield case("Resize", [x, none, none, i64(1, 1, 2, 4)], {"mode": "cubic", "antialias": 1, "exclude_outside": 1}, opset=18)
    yield case("Resize", [x, none, none, i64(7, 3)], {"axes": [3, 2], "keep_aspect_ratio_policy": "not_larger"}, opset=18)
    yield case("Resize", [x, f32(0.2, 0.1, 0.8, 1.3), none, i64(3, 4)], {
        "mode": "linear", "axes": [2, 3], "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 9.0}, opset=18)
    yield case("Resize", [grid(1, 1, 3, 3, type="uint8", low=0, high=255), none, f32(1, 1, 1.7, 2)], {"mode": "linear"}, opset=13)
    yield case("Resize", [x, f32(1, 1, 2, 2.6)], {"mode": "linear"}, opset=10)
    yield case("Resize", [x, f32(1, 1, 2, 0.6)], opset=10)
    yield case("Upsample", [x, f32(1, 1, 1.5, 2)], {"mode": "linear"}, opset=9)
    yield case("Upsample", [x], {"scales": [1.0, 1.0, 2.0, 1.5]}, opset=7)
    yield case("CenterCropPad", [x, i64(7, 2)], {"axes": [2, -1]}, opset=18)
    yield case("CenterCropPad", [grid(5, 2, type="int64"), i64(2, 5)], opset=18)


def sampling():
    x, places = grid(2, 2, 3, 4), (grid(2, 2, 3, 2, low=-11, high=12) / 2 + np.float32(0.03)).astype("float32")
    for mode in ["bilinear", "nearest", "bicubic"]:
        for padding in ["zeros", "border", "reflection"]:
            yield case("GridSample", [x[:1], places[:1]], {"mode": mode, "padding_mode": padding, "align_corners": 0}, opset=16)
            yield case("GridSample", [x[1:], places[1:]], {"mode": mode, "padding_mode": padding, "align_corners": 1}, opset=16)
    yield case("GridSample", [grid(1, 1, 3, 2, 3), places.reshape(1, 2, 2, 2, 3)], {"padding_mode": "border"}, opset=20)
    yield case("AffineGrid", [grid(2, 2, 3), i64(2, 1, 2, 3)], opset=20)
    yield case("AffineGrid", [grid(1, 3, 4), i64(1, 1, 2, 3, 2)], {"align_corners": 1}, opset=20)
    w, offset, mask = grid(4, 1, 2, 2), (grid(1, 16, 2, 3) + np.float32(0.1)).astype("float32"), grid(1, 8, 2, 3)
    yield case("DeformConv", [grid(1, 2, 3, 4), w, offset, grid(4), mask], {"group": 2, "offset_group": 2}, opset=19)
    yield case("DeformConv", [grid(1, 2, 4, 4), grid(2, 2, 2, 2), offset[:, :8]],
               {"strides": [2, 1], "pads": [1, 0, 0, 0], "dilations": [2, 1]}, opset=19)


def detection():
    boxes = f32(0, 0, 4, 4, 0, 0.5, 4, 4.5, 5, 5, 2, 2, 6, 6, 9, 9, 0, 0, 4, 4).reshape(1, 5, 4)
    scores = f32(0.5, 0.9, 0.6, 0.3, 0.5, 0.1, 0.2, 0.8, 0.25, 0.7).reshape(1, 2, 5)
    yield case("NonMaxSuppression", [boxes, scores, scalar(3, "int64"), scalar(0.5), scalar(0.25)], opset=11)
    yield case("NonMaxSuppression", [boxes, scores, scalar(4, "int64"), scalar(0.1)], {"center_point_box": 1}, opset=10)
    yield case("NonMaxSuppression", [boxes, scores], opset=11)
    x = grid(2, 2, 5, 6)
    rois, images = f32(0.3, 0.5, 4.1, 3.7, 2, 1, 2.2, 6, -1, -1, 9, 3).reshape(3, 4), i64(0, 1, 1)
    sizes = {"output_height": 2, "output_width": 3}
    yield case("RoiAlign", [x, rois, images], {**sizes, "sampling_ratio": 2}, opset=10)
    yield case("RoiAlign", [x, rois, images], {**sizes, "spatial_scale": 0.75}, opset=16)
    yield case("RoiAlign", [x, rois, images], {**sizes, "mode": "max", "coordinate_transformation_mode": "output_half_pixel"}, opset=16)


def signal():
    real, both = grid(2, 6, 1), grid(1, 5, 3, 2)
    yield case("DFT", [real])
    yield case("DFT", [real, scalar(4, "int64")], {"onesided": 1})
    yield case("DFT", [both, scalar(7, "int64")], {"axis": 2, "inverse": 1})
    yield case("DFT", [both, None, scalar(-3, "int64")], opset=20)
    yield case("STFT", [grid(1, 12, 1), scalar(3, "int64"), grid(5)])
    yield case("STFT", [grid(1, 12, 1), scalar(2, "int64"), None, scalar(4, "int64")], {"onesided": 0})
    for op in ["HannWindow", "HammingWindow", "BlackmanWindow"]:
        yield case(op, [scalar(7, "int64")])
        yield case(op, [scalar(6, "int32")], {"periodic": 0, "output_datatype": 11})
    yield case("MelWeightMatrix", [scalar(4, "int64"), scalar(32, "int64"), scalar(8000, "int64"), scalar(20.0), scalar(3800.0)])
    yield case("Det", [grid(2, 3, 3)], opset=11)
    yield case("Det", [f32(0, 2, 3, 0).reshape(2, 2)], opset=11)


def texts(*elements):
    return np.array(elements, object)


def strings():
    yield case("StringConcat", [texts("a", "é").reshape(2, 1), texts("x", "", "z")], opset=20)
    words = texts("Monday", "tuesday", "MONDAY", "Sunday")
    yield case("StringNormalizer", [words], {"stopwords": ["monday"], "case_change_action": "UPPER", "locale": "C"}, opset=10)
    yield case("StringNormalizer", [words.reshape(1, 4)], {"stopwords": ["MONDAY"], "is_case_sensitive": 1,
                                                           "case_change_action": "LOWER", "locale": "C"}, opset=10)
    yield case("StringNormalizer", [texts("a", "A")], {"stopwords": ["a"], "locale": "C"}, opset=10)
    yield case("StringSplit", [texts("a,b,,c", ",", "x").reshape(3, 1)], {"delimiter": ","}, opset=20, outputs=2)
    yield case("StringSplit", [texts(" a  b c ", "one", "  ")], opset=20, outputs=2)
    yield case("StringSplit", [texts("a--b--c", "q")], {"delimiter": "--", "maxsplit": 1}, opset=20, outputs=2)
    grams = {"ngram_counts": [0, 3], "ngram_indexes": [0, 1, 2, 3, 4], "min_gram_length": 1, "max_gram_length": 2}
    ints = np.array([[1, 2, 1, 3], [2, 1, 3, 3]], "int32")
    for mode, skips in [("TF", 0), ("IDF", 1), ("TFIDF", 2)]:
        yield case("TfIdfVectorizer", [ints], {**grams, "mode": mode, "max_skip_count": skips, "pool_int64s": [1, 2, 3, 2, 1, 1, 3],
                                               "weights": [0.5, 2.0, 3.0, 4.0, 0.25]}, opset=9)
    yield case("TfIdfVectorizer", [texts("b", "a", "b")], {**grams, "mode": "TF", "max_skip_count": 0,
                                                           "pool_strings": ["a", "b", "c", "b", "a", "a", "b"]}, opset=9)


def patterns():
    samples = texts("", "a", "aab", "ab12", "x.y@mail.org", "foo-bar", "]", "a\nb", "é", "2024-01-31", "aaaa", "tab\t", "$5", "ABC", "{1}")
    for pattern in [r"a*b?", r"(a|b)+\d{2}", r"[\w.%+-]+@[a-z]+\.(org|com)", r"(foo|bar)(-(?:foo|bar))?", r"[]]", r"a.b", r"a[^x]b", r"\pL",
                    r"\d{4}-\d\d-\d{2}", r"a{2,3}", r"(a{2}){1,}", r"^\w+$", r"\S+", r"\w+\s", r"\$[0-9]", r"(?P<up>[A-Z])+?[^a-z]*", r"",
                    r"(a*)*(a*)*b?", r"\x41BC", r"\x{e9}|.", r"[[:alpha:]\d]+", r"[^[:space:]]*", r"\w+\b.\b.*",
                    r"[[]?a\B.*", r"{\d}", r"[\s\w]+"]:
        yield case("RegexFullMatch", [samples], {"pattern": pattern}, opset=20)


def tensor(array):
    return numpy_helper.from_array(np.asarray(array), "t")


def classic():
    ml = {"domain": "ai.onnx.ml"}
    yield case("LabelEncoder", [texts("b", "q").reshape(1, 2)], {"keys_strings": ["a", "b"], "values_int64s": [5, 6]}, opset=2, **ml)
    yield case("LabelEncoder", [f32(1.5, 0, 2)], {"keys_floats": [1.5, -0.0], "values_strings": ["x", "y"],
                                                       "default_string": "?"}, opset=3, **ml)
    yield case("LabelEncoder", [i64(1, 0, 7)], {"classes_strings": ["zero", "one"], "default_string": "no"}, opset=1, **ml)
    yield case("LabelEncoder", [np.array([3, 4], "int64")], {"keys_tensor": tensor(i64(3)), "values_tensor": tensor(f32(0.5)),
                                                             "default_tensor": tensor(f32(9))}, opset=4, **ml)
    yield case("Binarizer", [f32(-1, 0.5, 0.75)], {"threshold": 0.5}, opset=1, **ml)
    yield case("ArrayFeatureExtractor", [grid(2, 2, 3), i64(2, 0)], opset=1, **ml)
    yield case("ArrayFeatureExtractor", [grid(4), i64(3, 1, 1)], opset=1, **ml)
    tree = {"n_targets": 2, "tree_roots": [0, 2], "nodes_featureids": [0, 1, 1], "nodes_truenodeids": [1, 0, 3],
            "nodes_trueleafs": [0, 1, 1], "nodes_falsenodeids": [2, 1, 4], "nodes_falseleafs": [1, 1, 1],
            "leaf_targetids": [0, 1, 0, 1, 0], "leaf_weights": tensor(f32(1, -2, 3, 0.5, 4)), "nodes_splits": tensor(f32(0.5, 1, -1))}
    rows = f32(0, 1, 0.5, -1, 2, 3, 0.5, 1).reshape(4, 2)
    for modes, extra in [([0, 1, 3], {}), ([2, 4, 5], {"aggregate_function": 0}), ([1, 3, 3], {"aggregate_function": 2})]:
        tree = {**tree, **extra, "nodes_modes": tensor(np.array(modes, "uint8"))}
        plain = case("TreeEnsemble", [rows], tree, opset=5, **ml)
        yield plain
    # ONNX Runtime 1.32 takes 1 for logistic and 2 for softmax; the operator's documentation says the opposite.
    scores = np.array(plain["outputs"][0][2], "float32").reshape(4, 2)
    exponentials = np.exp(scores)
    for transform, wanted in [(1, exponentials / exponentials.sum(1, keepdims=True)), (2, 1 / (1 + np.exp(-scores)))]:
        yield case("TreeEnsemble", [rows], {**tree, "post_transform": transform}, opset=5, expect=[wanted.astype("float32")], **ml)


def optimizers():
    domain = "ai.onnx.preview.training"
    scalars, x = [scalar(0.1), scalar(2, "int64")], [grid(2, 2), grid(3), grid(2, 2), grid(3)]
    state = [np.abs(grid(2, 2)), np.abs(grid(3))]
    for op, attributes, inputs in [
        ("Adagrad", {"decay_factor": 0.1, "norm_coefficient": 0.01}, [*x, *state]),
        ("Adam", {"alpha": 0.8, "beta": 0.9, "norm_coefficient": 0.01}, [x[0], x[2], state[0], state[0]]),
        ("Momentum", {"alpha": 0.9, "beta": 0.5, "mode": "standard", "norm_coefficient": 0.01}, [*x, *state]),
        ("Momentum", {"alpha": 0.9, "beta": 0.5, "mode": "nesterov", "norm_coefficient": 0.01}, [*x[::2], state[0]]),
    ]:
        outputs = 3 if op == "Adam" else len(inputs) * 2 // 3
        inputs = [*scalars, *inputs]
        yield case(op, inputs, attributes, opset=1, domain=domain, expect=evaluated(op, inputs, attributes, outputs, domain))


families = {"convolution": convolution, "pooling": pooling, "resizing": resizing, "sampling": sampling, "detection": detection,
            "signal": signal, "strings": strings, "patterns": patterns, "classic": classic, "optimizers": optimizers}

if __name__ == "__main__":
    folder.mkdir(parents=True, exist_ok=True)
    for family in sys.argv[1:] or families:
        rng = np.random.default_rng(7)
        rows = [json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in families[family]()]
        (folder / f"{family}.json").write_text("[\n" + ",\n".join(rows) + "\n]\n")
        print(family, len(rows), "cases", (folder / f"{family}.json").stat().st_size, "bytes")
