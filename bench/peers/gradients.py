"""Makes packages/onnx/goldens/gradients/torch.json: python bench/peers/gradients.py

Needs torch. One case is one ONNX node, its inputs, and the gradients that PyTorch's autograd finds in float64 for the
loss sum(w * y) with w[i] = sin(0.7 * (i + 1)) over the elements of y.
"""

import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(3)
torch.set_default_dtype(torch.float64)
cases = []


def rows(tensor):
    return {"dims": list(tensor.shape), "data": [float(f"{v:.12g}") for v in tensor.detach().reshape(-1).tolist()]}


def case(op, inputs, forward, attributes=None, opset=17, outputs=1):
    """Float inputs are differentiated; integer and boolean ones, and None, are given as they are."""
    leaves = [x.clone().requires_grad_() if x is not None and x.is_floating_point() else x for x in inputs]
    y = forward(*[x for x in leaves if x is not None])
    weights = torch.sin(0.7 * torch.arange(1, y.numel() + 1)).reshape(y.shape)
    (weights * y).sum().backward()
    cases.append(
        {
            "op": op,
            "opset": opset,
            "attributes": attributes or {},
            "outputs": outputs,
            "inputs": [
                None if x is None else {"type": str(x.dtype).split(".")[1], **rows(x.to(torch.float64))} for x in inputs
            ],
            "gradients": [
                rows(x.grad) if x is not None and x.is_floating_point() else None for x in leaves
            ],
        }
    )


def normal(*dims):
    return torch.randn(*dims)


def ints(*values):
    return torch.tensor(values, dtype=torch.int64)


def f(value):
    """A float attribute, as it is after rounding to float32."""
    return {"float": float(torch.tensor(value, dtype=torch.float32))}


for name, fn in {
    "Asinh": torch.asinh,
    "Atan": torch.atan,
    "Sinh": torch.sinh,
    "Softplus": F.softplus,
    "Softsign": F.softsign,
    "Erf": torch.erf,
    "Elu": F.elu,
    "LeakyRelu": lambda x: F.leaky_relu(x, torch.tensor(0.01, dtype=torch.float32).item()),
}.items():
    case(name, [normal(2, 3)], fn)
case("PRelu", [normal(2, 3, 2), normal(3, 1)], lambda x, s: torch.where(x < 0, x * s, x))
case("Softmax", [normal(2, 3, 2)], lambda x: x.softmax(1), {"axis": 1})
case("LogSoftmax", [normal(2, 4)], lambda x: x.log_softmax(-1))
eps = f(1e-3)
case(
    "LayerNormalization",
    [normal(2, 3, 4), normal(3, 4), normal(3, 4)],
    lambda x, w, b: F.layer_norm(x, (3, 4), w, b, eps["float"]),
    {"axis": 1, "epsilon": eps},
)
case(
    "RMSNormalization",
    [normal(2, 4), normal(4)],
    lambda x, w: F.rms_norm(x, (4,), w, eps["float"]),
    {"epsilon": eps},
    opset=23,
)
case(
    "BatchNormalization",
    [normal(2, 3, 2), normal(3), normal(3), normal(3), normal(3).exp()],
    lambda x, w, b, m, v: (x - m[:, None]) * (w / (v + eps["float"]).sqrt())[:, None] + b[:, None],
    {"epsilon": eps},
)
case(
    "LRN",
    [normal(1, 5, 2, 1)],
    lambda x: F.local_response_norm(x, 3, f(0.5)["float"], f(0.75)["float"], f(1.5)["float"]),
    {"size": 3, "alpha": f(0.5), "beta": f(0.75), "bias": f(1.5)},
)
case(
    "Conv",
    [normal(2, 2, 7), normal(3, 2, 3), normal(3)],
    lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=1),
    {"strides": [2], "pads": [1, 1]},
)
case(
    "Conv",
    [normal(1, 4, 5, 4), normal(4, 2, 2, 3), normal(4)],
    lambda x, w, b: F.conv2d(x, w, b, padding=(1, 1), dilation=(2, 1), groups=2),
    {"pads": [1, 1, 1, 1], "dilations": [2, 1], "group": 2},
)
case(
    "Conv",
    [normal(1, 1, 3, 3, 4), normal(2, 1, 2, 2, 2)],
    lambda x, w: F.conv3d(x, w, stride=(1, 1, 2)),
    {"strides": [1, 1, 2]},
)
case(
    "ConvTranspose",
    [normal(1, 4, 3, 2), normal(4, 1, 3, 2), normal(2)],
    lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1, groups=2),
    {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1], "group": 2},
)
case(
    "AveragePool",
    [normal(1, 2, 5, 4)],
    lambda x: F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False),
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
)
case(
    "MaxPool",
    [normal(1, 2, 5, 5)],
    lambda x: F.max_pool2d(x, 3, stride=2, padding=1),
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
)
case("LpPool", [normal(1, 2, 6)], lambda x: F.lp_pool1d(x.abs(), 3, 2), {"kernel_shape": [2], "strides": [2], "p": 3})
case(
    "Col2Im",
    [normal(1, 8, 4), ints(4, 4), ints(2, 2)],
    lambda x, *_: F.fold(x, (4, 4), (2, 2), stride=2),
    {"strides": [2, 2]},
    opset=18,
)
for mode, more in {"linear": "bilinear", "cubic": "bicubic"}.items():
    case(
        "Resize",
        [normal(1, 1, 3, 4), None, None, ints(1, 1, 5, 3)],
        lambda x, _: F.interpolate(x, (5, 3), mode=more, align_corners=False),
        {"mode": mode, "coordinate_transformation_mode": "half_pixel", **({"cubic_coeff_a": f(-0.75)} if mode == "cubic" else {})},
    )
case(
    "AffineGrid",
    [normal(2, 2, 3), ints(2, 1, 3, 2)],
    lambda t, _: F.affine_grid(t, (2, 1, 3, 2), align_corners=False),
    opset=20,
)
case("MatMul", [normal(2, 1, 2, 3), normal(3, 3, 2)], torch.matmul)
case("Einsum", [normal(2, 3, 2), normal(3)], lambda x, y: torch.einsum("iji,j->i", x, y), {"equation": "iji,j->i"})
case("Einsum", [normal(2, 3, 2), normal(2, 2)], lambda x, y: torch.einsum("bij,bj->bi", x, y), {"equation": "bij,bj->bi"})
case("Det", [normal(2, 3, 3)], torch.det)
case("Gather", [normal(5, 3), ints(4, 1, 4)], lambda x, i: x[i])
case("GatherElements", [normal(3, 2), torch.tensor([[0, 2], [0, 1]])], lambda x, i: x.gather(0, i))
case(
    "ScatterElements",
    [normal(3, 2), torch.tensor([[0, 2], [0, 1]]), normal(2, 2)],
    lambda x, i, u: x.scatter_add(0, i, u),
    {"reduction": "add"},
)
case("CumSum", [normal(2, 4), torch.tensor(1)], lambda x, _: x.cumsum(1))
case("CumProd", [torch.tensor([[1.5, 0.0, -2.0, 0.5]]), torch.tensor(1)], lambda x, _: x.cumprod(1), opset=26)
case("ReduceProd", [torch.tensor([[1.5, 0.0, -2.0], [0.3, 2.0, 1.1]])], lambda x: x.prod(1), {"axes": [1], "keepdims": 0})
case("ReduceLogSumExp", [normal(2, 3)], lambda x: x.logsumexp(1), {"axes": [1], "keepdims": 0})
case("ReduceL2", [normal(2, 3)], lambda x: x.norm(dim=1), {"axes": [1], "keepdims": 0})
case("TopK", [normal(2, 5), ints(2)], lambda x, _: x.topk(2).values, outputs=2)
case("Pad", [normal(1, 3, 4), ints(0, 1, 2, 0, 0, 1)], lambda x, _: F.pad(x[None], (2, 1, 1, 0), mode="reflect")[0], {"mode": "reflect"})
case("Pow", [normal(2, 3).exp(), normal(3)], torch.pow)
case("DFT", [normal(1, 5, 1)], lambda x: torch.view_as_real(torch.fft.fft(x[..., 0])), {"axis": 1})



def gates(value, order):
    """Reorders the gate blocks of a weight [gates * hidden, ...]."""
    parts = value.chunk(len(order))
    return torch.cat([parts[at] for at in order])


def recurrent(fn, order):
    """The recurrent layer `fn` of torch on the operands of the ONNX operator; the output is ONNX's Y."""

    def forward(x, w, r, b, *starts):
        weights = []
        for direction in range(w.shape[0]):
            ours, theirs = b[direction].chunk(2)
            weights += [gates(v, order) for v in (w[direction], r[direction], ours, theirs)]
        both = w.shape[0] == 2
        start = starts[0] if len(starts) == 1 else starts
        y = fn(x, start, weights, True, 1, 0.0, False, both, False)[0]
        return y.reshape(*y.shape[:2], w.shape[0], -1).transpose(1, 2)

    return forward


for direction, count in {"forward": 1, "bidirectional": 2}.items():
    attributes = {"hidden_size": 2, "direction": direction}
    operands = lambda n: [normal(3, 2, 3), normal(count, n * 2, 3), normal(count, n * 2, 2), normal(count, n * 4), None]
    state = lambda: normal(count, 2, 2)
    case("LSTM", [*operands(4), state(), state()], recurrent(torch.lstm, [0, 2, 3, 1]), attributes)
    case("GRU", [*operands(3), state()], recurrent(torch.gru, [1, 0, 2]), {**attributes, "linear_before_reset": 1})
    case("RNN", [*operands(1), state()], recurrent(torch.rnn_tanh, [0]), attributes)
case(
    "Attention",
    [normal(1, 4, 3, 4), normal(1, 2, 3, 4), normal(1, 2, 3, 4)],
    lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True),
    {"is_causal": 1},
    opset=23,
)
case(
    "Attention",
    [normal(1, 2, 3, 4), normal(1, 2, 5, 4), normal(1, 2, 5, 4), normal(3, 5)],
    lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m, scale=f(0.3)["float"]),
    {"scale": f(0.3)},
    opset=23,
)
case(
    "SoftmaxCrossEntropyLoss",
    [normal(4, 5), ints(0, 1, 4, 2)],
    lambda x, y: F.cross_entropy(x, y, ignore_index=1),
    {"ignore_index": 1},
)
case("Gelu", [normal(2, 3)], F.gelu, opset=20)
case("GroupNormalization", [normal(2, 4, 3), normal(4), normal(4)], lambda x, w, b: F.group_norm(x, 2, w, b, eps["float"]), {"num_groups": 2, "epsilon": eps}, opset=21)

goldens = pathlib.Path(__file__).resolve().parents[2] / "packages" / "onnx" / "goldens" / "gradients"
goldens.mkdir(parents=True, exist_ok=True)
lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in cases)
(goldens / "torch.json").write_text(f"[\n{lines}\n]\n")
print(len(cases), "cases")
