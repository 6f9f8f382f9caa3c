"""Gradients of one training step of a small BERT-like classifier by PyTorch autograd in float64.

Run: python encoder-step.py > encoder-step.json
"""

import json
import math
import sys

import torch
import torch.nn.functional as F

CONFIG = {"vocab": 17, "positions": 8, "hidden": 8, "layers": 2, "heads": 2, "inner": 12, "labels": 3}
BATCH, LENGTH = 3, 6
EPSILON = 1e-12


def shapes():
    h, inner = CONFIG["hidden"], CONFIG["inner"]
    yield "word", [CONFIG["vocab"], h]
    yield "position", [CONFIG["positions"], h]
    yield "type", [2, h]
    norms, linears = ["norm"], []
    for i in range(CONFIG["layers"]):
        linears += [(f"{i}.{name}", h, h) for name in ("query", "key", "value", "output")]
        linears += [(f"{i}.up", h, inner), (f"{i}.down", inner, h)]
        norms += [f"{i}.norm1", f"{i}.norm2"]
    linears += [("pooler", h, h), ("classifier", h, CONFIG["labels"])]
    for name in norms:
        yield f"{name}.weight", [h]
        yield f"{name}.bias", [h]
    for name, rows, columns in linears:
        yield f"{name}.weight", [rows, columns]
        yield f"{name}.bias", [columns]


def forward(p, ids, mask, targets):
    h, heads = CONFIG["hidden"], CONFIG["heads"]

    def linear(x, name):
        return x @ p[f"{name}.weight"] + p[f"{name}.bias"]

    def norm(x, name):
        return F.layer_norm(x, (h,), p[f"{name}.weight"], p[f"{name}.bias"], EPSILON)

    def split(x):
        return x.view(BATCH, LENGTH, heads, h // heads).transpose(1, 2)

    x = norm(p["word"][ids] + p["position"][:LENGTH] + p["type"][0], "norm")
    hidden = (1.0 - mask[:, None, None, :].double()) * -10000.0
    for i in range(CONFIG["layers"]):
        q, k, v = (split(linear(x, f"{i}.{name}")) for name in ("query", "key", "value"))
        weights = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(h // heads) + hidden, -1)
        context = (weights @ v).transpose(1, 2).reshape(BATCH, LENGTH, h)
        x = norm(linear(context, f"{i}.output") + x, f"{i}.norm1")
        x = norm(linear(F.gelu(linear(x, f"{i}.up")), f"{i}.down") + x, f"{i}.norm2")
    logits = linear(torch.tanh(linear(x[:, 0], "pooler")), "classifier")
    return -(targets * torch.log_softmax(logits, -1)).sum()


def main():
    torch.manual_seed(1)
    parameters = {}
    for name, dims in shapes():
        scale, centre = (0.1, 1.0) if "norm" in name and name.endswith("weight") else (0.4, 0.0)
        drawn = (torch.randn(dims) * scale + centre).mul(1e4).round().div(1e4)
        parameters[name] = drawn.double().requires_grad_()
    ids = torch.randint(CONFIG["vocab"], (BATCH, LENGTH))
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0]])
    targets = torch.tensor([[0.8, 0.1, 0.1], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]]).double()
    loss = forward(parameters, ids, mask, targets)
    loss.backward()
    digits = lambda tensor, n: [float(f"{value:.{n}g}") for value in tensor.detach().flatten().tolist()]
    json.dump(
        {
            "torch": torch.__version__,
            "config": CONFIG,
            "ids": ids.tolist(),
            "mask": mask.tolist(),
            "targets": [digits(row, 9) for row in targets],
            "loss": loss.item(),
            "parameters": {
                name: {"dims": list(value.shape), "data": digits(value, 9), "gradient": digits(value.grad, 9)}
                for name, value in parameters.items()
            },
        },
        sys.stdout,
    )
    print()


main()
