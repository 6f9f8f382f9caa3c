"""Small cases of operators with the outputs ONNX Runtime gives them: packages/onnx/goldens/kernels/FAMILY.json.

usage: python bench/peers/kernel-goldens.py [FAMILY ...]     (needs numpy, onnx, onnxruntime)

A case is {op, domain?, opset, attributes, inputs, outputs}; a tensor is [type, dims, elements], null where omitted; a
float attribute is {"float": x} or {"floats": [...]}. Inputs are drawn with a fixed seed from a coarse grid, so the files stay small.
"""
import json
import pathlib
import sys

import numpy as np
import onnx
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
    if isinstance(value, float):
        return {"float": value}
    if isinstance(value, (list, tuple)) and value and all(isinstance(each, float) for each in value):
        return {"floats": list(value)}
    return list(value) if isinstance(value, tuple) else value


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


families = {"convolution": convolution, "pooling": pooling}

if __name__ == "__main__":
    folder.mkdir(parents=True, exist_ok=True)
    for family in sys.argv[1:] or families:
        rng = np.random.default_rng(7)
        rows = [json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in families[family]()]
        (folder / f"{family}.json").write_text("[\n" + ",\n".join(rows) + "\n]\n")
        print(family, len(rows), "cases", (folder / f"{family}.json").stat().st_size, "bytes")
