"""Exports small language models with random weights by both torch exporters, with what PyTorch computes for them.

    python export-models.py OUT [--size tiny|full] [--only bert,gpt2] [--exporters dynamo,script]
                            [--opset N] [--attention eager|sdpa] [--suffix=-sdpa]

For each architecture NAME.safetensors and for each exporter NAME-EXPORTER.onnx. The safetensors hold

    input/<name>, output/<name>   one batch and what PyTorch answers
    loss/weights                  W of the loss  sum(W * first output)
    grad/<parameter>              d loss / d parameter
    metadata EXPORTER             JSON: parameter -> [{initializer, transposed}], found by equal values

Every parameter is drawn at random (normalisation weights around 1), so that no two are equal by accident.
"""
import argparse, json, os, sys, traceback, warnings

import numpy as np
import onnx
import torch
import transformers as tf
from safetensors.torch import save_file

warnings.filterwarnings("ignore")

TINY = dict(hidden=16, inner=32, vocab=41, positions=24)


def architectures(size, attention):
    full = size == "full"
    s = TINY

    def pick(small, large):
        return large if full else small

    bert = dict(attn_implementation=attention)
    yield "bert", lambda: tf.BertForSequenceClassification(tf.BertConfig(**bert, num_labels=3, **pick(
        dict(hidden_size=s["hidden"], num_hidden_layers=2, num_attention_heads=4, intermediate_size=s["inner"], vocab_size=s["vocab"], max_position_embeddings=s["positions"]), {}))), "encoder"
    yield "distilbert", lambda: tf.DistilBertForSequenceClassification(tf.DistilBertConfig(**bert, num_labels=3, **pick(
        dict(dim=s["hidden"], n_layers=2, n_heads=4, hidden_dim=s["inner"], vocab_size=s["vocab"], max_position_embeddings=s["positions"]), {}))), "encoder"
    yield "mobilebert", lambda: tf.MobileBertForSequenceClassification(tf.MobileBertConfig(**bert, num_labels=3, **pick(
        dict(hidden_size=24, embedding_size=16, intra_bottleneck_size=16, true_hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32, num_feedforward_networks=2, vocab_size=s["vocab"], max_position_embeddings=s["positions"]), {}))), "encoder"
    yield "gpt2", lambda: tf.GPT2LMHeadModel(tf.GPT2Config(**bert, use_cache=False, **pick(
        dict(n_embd=s["hidden"], n_layer=2, n_head=4, vocab_size=s["vocab"], n_positions=s["positions"]), {}))), "decoder"
    yield "gpt-neo", lambda: tf.GPTNeoForCausalLM(tf.GPTNeoConfig(**bert, use_cache=False, **pick(
        dict(hidden_size=s["hidden"], num_layers=2, num_heads=4, vocab_size=s["vocab"], max_position_embeddings=s["positions"], attention_types=[[["global", "local"], 1]], window_size=4, intermediate_size=32),
        dict(hidden_size=768, num_layers=12, num_heads=12, attention_types=[[["global", "local"], 6]])))), "decoder"
    yield "llama", lambda: tf.LlamaForCausalLM(tf.LlamaConfig(**bert, use_cache=False, **pick(
        dict(hidden_size=s["hidden"], num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=s["inner"], vocab_size=s["vocab"], max_position_embeddings=s["positions"]),
        dict(hidden_size=512, num_hidden_layers=6, num_attention_heads=8, num_key_value_heads=4, intermediate_size=1376, vocab_size=32000)))), "rotary"
    yield "t5", lambda: tf.T5ForConditionalGeneration(tf.T5Config(**bert, use_cache=False, decoder_start_token_id=0, **pick(
        dict(d_model=s["hidden"], d_kv=4, d_ff=32, num_layers=2, num_heads=4, vocab_size=s["vocab"]), {}))), "seq2seq"


class Wrapper(torch.nn.Module):
    """Tensors in, logits out."""

    def __init__(self, model, kind):
        super().__init__()
        self.model, self.kind = model, kind

    def forward(self, input_ids, attention_mask, decoder_input_ids=None):
        if self.kind == "seq2seq":
            return self.model(input_ids=input_ids, attention_mask=attention_mask, decoder_input_ids=decoder_input_ids, return_dict=True).logits
        more = {}
        if self.kind == "rotary":  # else the exporter writes a RotaryEmbedding whose tables lack the batch
            more["position_ids"] = torch.arange(input_ids.shape[1]).expand(input_ids.shape)
        return self.model(input_ids=input_ids, attention_mask=attention_mask, return_dict=True, **more).logits


def randomise(model, generator):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            is_norm = parameter.dim() == 1 and name.endswith("weight")
            scale = 0.1 if parameter.dim() == 1 else min(0.3, parameter.shape[-1] ** -0.5)
            parameter.copy_(1 + 0.1 * noise if is_norm else scale * noise)


def feeds(kind, vocab, generator):
    ids = torch.randint(1, vocab, (2, 7), generator=generator)
    mask = torch.ones(2, 7, dtype=torch.int64)
    mask[1, 5:] = 0
    made = dict(input_ids=ids, attention_mask=mask)
    if kind == "seq2seq":
        made["decoder_input_ids"] = torch.randint(1, vocab, (2, 5), generator=generator)
    return made


def export(wrapper, inputs, path, exporter, opset):
    names = list(inputs)
    if exporter == "dynamo":
        batch, sequence, target = torch.export.Dim("batch"), torch.export.Dim("sequence"), torch.export.Dim("target")
        dynamic = {n: {0: batch, 1: target if n.startswith("decoder") else sequence} for n in names}
        common = dict(args=(), kwargs=inputs, f=path, input_names=names, output_names=["logits"], dynamo=True,
                      opset_version=opset or 20, external_data=False, verbose=False)
        torch.onnx.export(wrapper, dynamic_shapes=dynamic, **common)
        forget_paths(path)
    else:
        axes = {n: {0: "batch", 1: "target" if n.startswith("decoder") else "sequence"} for n in names}
        torch.onnx.export(wrapper, tuple(inputs.values()), path, input_names=names, output_names=["logits"],
                          dynamic_axes={**axes, "logits": {0: "batch"}}, dynamo=False, opset_version=opset or 17)


def forget_paths(path):
    """Drops what the exporter notes beside each node and value: stack traces that name folders of this machine."""
    model = onnx.load(path)
    graph = model.graph
    for entry in [*graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info, *(n for f in model.functions for n in f.node)]:
        del entry.metadata_props[:]
    onnx.save(model, path)


def link(parameters, path):
    """parameter -> initializers with the same values, as they are or transposed."""
    arrays = {i.name: onnx.numpy_helper.to_array(i) for i in onnx.load(path).graph.initializer}
    links = {}
    for name, parameter in parameters.items():
        value = parameter.detach().numpy()
        found = []
        for initializer, array in arrays.items():
            if array.dtype != value.dtype or array.size != value.size:
                continue
            if array.shape == value.shape and np.array_equal(array, value):
                found.append(dict(initializer=initializer, transposed=False))
            elif value.ndim == 2 and array.shape == value.T.shape and np.array_equal(array, value.T):
                found.append(dict(initializer=initializer, transposed=True))
            elif np.array_equal(array.ravel(), value.ravel()):
                found.append(dict(initializer=initializer, transposed=False))
        links[name] = found
    return links


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--size", default="tiny", choices=["tiny", "full"])
    parser.add_argument("--only", default="")
    parser.add_argument("--exporters", default="dynamo,script")
    parser.add_argument("--opset", type=int, default=0)
    parser.add_argument("--attention", default="eager", choices=["eager", "sdpa"])
    parser.add_argument("--suffix", default="", help="added to the names")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    failed = 0
    for name, make, kind in architectures(options.size, options.attention):
        if options.only and name not in options.only.split(","):
            continue
        generator = torch.Generator().manual_seed(42)
        torch.manual_seed(42)
        model = make().eval()
        randomise(model, generator)
        wrapper = Wrapper(model, kind)
        inputs = feeds(kind, model.config.vocab_size, generator)
        logits = wrapper(**inputs)
        weights = torch.randn(logits.shape, generator=generator)
        (logits * weights).sum().backward()
        parameters = {n: p for n, p in model.named_parameters() if p.grad is not None}
        base = os.path.join(options.out, name + options.suffix)
        links = {}
        for exporter in options.exporters.split(","):
            path = f"{base}-{exporter}.onnx"
            try:
                with torch.no_grad():
                    export(wrapper, inputs, path, exporter, options.opset)
                onnx.checker.check_model(path)
            except Exception as error:  # reported, and the next one goes on
                failed += 1
                print(f"{path}: FAILED {type(error).__name__}: {str(error)[:400]}", flush=True)
                if os.environ.get("TRACE"):
                    traceback.print_exc()
                continue
            links[exporter] = link(parameters, path)
            unlinked = [n for n, found in links[exporter].items() if not found]
            print(f"{path}: {os.path.getsize(path) / 1e6:.3f} MB, {len(parameters)} parameters, not found: {unlinked}", flush=True)
        tensors = {f"input/{k}": v for k, v in inputs.items()}
        tensors["output/logits"] = logits.detach().contiguous()
        tensors["loss/weights"] = weights
        for n, p in parameters.items():
            tensors[f"grad/{n}"] = p.grad.contiguous()
        save_file(tensors, f"{base}.safetensors", metadata={k: json.dumps(v, separators=(",", ":")) for k, v in links.items()})
        os.chmod(f"{base}.safetensors", 0o644)
    sys.exit(1 if failed else 0)


main()
