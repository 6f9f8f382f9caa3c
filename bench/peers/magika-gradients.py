"""What PyTorch computes for magika, a model nobody here wrote: its outputs and gradients of all its float weights.

    python magika-gradients.py MODEL.onnx OUT.json

The graph is run node by node with torch operators, written here from the ONNX specification. The loss is
sum(W * output) with W[b, k] = cos(b + 2 k). Of each gradient the JSON holds the largest absolute value and 64 elements, spread evenly.
"""
import json
import sys

import numpy as np
import onnx
import torch
import torch.nn.functional as F

model = onnx.load(sys.argv[1])
graph = model.graph
attributes = lambda node: {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
values = {}
weights = {}
for initializer in graph.initializer:
    tensor = torch.from_numpy(onnx.numpy_helper.to_array(initializer).copy())
    if tensor.dtype == torch.float32 and tensor.numel() > 1:
        tensor.requires_grad_(True)
        weights[initializer.name] = tensor
    values[initializer.name] = tensor

rows, length = 2, graph.input[0].type.tensor_type.shape.dim[1].dim_value
text = np.array([[(7 * i * (b + 1) + i // 3) % 257 for i in range(length)] for b in range(rows)], dtype=np.int32)
values[graph.input[0].name] = torch.from_numpy(text)

numpy_types = lambda number: torch.from_numpy(np.zeros(0, onnx.helper.tensor_dtype_to_np_dtype(number))).dtype
ints = lambda t: [int(v) for v in t]


def slice_(x, starts, ends, axes=None, steps=None):
    axes = ints(axes) if axes is not None else list(range(len(starts)))
    for k, axis in enumerate(axes):
        index = torch.arange(x.shape[axis])[slice(int(starts[k]), int(ends[k]), int(steps[k]) if steps is not None else 1)]
        x = x.index_select(axis, index)
    return x


def maximum(*xs):
    result = xs[0]
    for x in xs[1:]:
        result = torch.maximum(result, x)
    return result


operators = {
    "Add": lambda n, a, b: a + b, "Sub": lambda n, a, b: a - b, "Mul": lambda n, a, b: a * b, "Div": lambda n, a, b: a / b,
    "Exp": lambda n, x: x.exp(), "Sqrt": lambda n, x: x.sqrt(), "Reciprocal": lambda n, x: 1 / x, "Tanh": lambda n, x: x.tanh(),
    "Max": lambda n, *xs: maximum(*xs), "Equal": lambda n, a, b: a == b, "MatMul": lambda n, a, b: a @ b,
    "Cast": lambda n, x: x.to(numpy_types(n["to"])), "Concat": lambda n, *xs: torch.cat(xs, n["axis"]),
    "Shape": lambda n, x: torch.tensor(x.shape), "Expand": lambda n, x, s: x * torch.ones(ints(s), dtype=x.dtype),
    "Reshape": lambda n, x, s: x.reshape([x.shape[i] if d == 0 else d for i, d in enumerate(ints(s))]),
    "Squeeze": lambda n, x, axes: x.squeeze(tuple(ints(axes))), "Unsqueeze": lambda n, x, axes: x.reshape([*x.shape[: ints(axes)[0]], 1, *x.shape[ints(axes)[0] :]]),
    "Transpose": lambda n, x: x.permute(*n["perm"]), "Slice": lambda n, *xs: slice_(*xs),
    "ReduceSum": lambda n, x, axes: x.sum(ints(axes), keepdim=bool(n.get("keepdims", 1))),
    "ReduceMax": lambda n, x: x.amax(list(n["axes"]), keepdim=bool(n.get("keepdims", 1))),
    "GlobalMaxPool": lambda n, x: x.amax(list(range(2, x.dim())), keepdim=True),
    "Conv": lambda n, x, w, b=None: (F.conv2d if w.dim() == 4 else F.conv1d)(padded(n, x, w), w, b, n.get("strides", 1), 0, n.get("dilations", 1), n.get("group", 1)),
}


def padded(n, x, w):
    rank = w.dim() - 2
    assert n.get("auto_pad", b"NOTSET") in (b"NOTSET", b"VALID"), n
    pads = n.get("pads", [0] * 2 * rank)
    return F.pad(x, [p for axis in reversed(range(rank)) for p in (pads[axis], pads[axis + rank])])


for node in graph.node:
    inputs = [values[name] if name else None for name in node.input]
    made = operators[node.op_type](attributes(node), *inputs)
    values[node.output[0]] = made

output = values[graph.output[0].name]
b, k = torch.meshgrid(torch.arange(output.shape[0]), torch.arange(output.shape[1]), indexing="ij")
(torch.cos((b + 2 * k).to(torch.float64)).to(torch.float32) * output).sum().backward()



def sampled(tensor):
    flat = tensor.detach().flatten()
    count = min(64, flat.numel())
    return [float(flat[k * (flat.numel() - 1) // (count - 1)]) for k in range(count)]


json.dump(
    dict(
        input=dict(rows=rows, length=length),
        output=sampled(output),
        gradients={name: dict(largest=float(t.grad.abs().max()), elements=sampled(t.grad)) for name, t in weights.items() if t.grad is not None},
    ),
    open(sys.argv[2], "w"),
    indent=1,
)
