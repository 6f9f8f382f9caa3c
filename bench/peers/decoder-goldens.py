"""Makes packages/trainer/goldens/decoders.safetensors and decoders.json: python bench/peers/decoder-goldens.py

Needs torch, transformers and safetensors. One case is a small random decoder: its config.json, its state dict, logits of two
texts padded on the right and on the left, and loss and gradients of the texts that are padded on the right.
"""
import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import (
    GPT2Config, GPT2LMHeadModel, GPTNeoConfig, GPTNeoForCausalLM, LlamaConfig, LlamaForCausalLM,
    MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM,
)

torch.manual_seed(11)
small = dict(vocab_size=23, hidden_size=16, intermediate_size=20, num_hidden_layers=2, max_position_embeddings=32)
llama = dict(small, num_attention_heads=4, num_key_value_heads=2)


def rope(kind, **fields):
    return {"rope_type": kind, "rope_theta": 1000.0, **fields}


llama3 = rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
yarn = rope("yarn", factor=4.0, original_max_position_embeddings=8)
cases = {
    "gpt2": (GPT2LMHeadModel, GPT2Config(vocab_size=23, n_positions=12, n_embd=8, n_layer=2, n_head=2)),
    "gpt2-scaled": (
        GPT2LMHeadModel,
        GPT2Config(
            vocab_size=23, n_positions=12, n_embd=8, n_layer=2, n_head=2, n_inner=12, activation_function="relu",
            scale_attn_by_inverse_layer_idx=True, tie_word_embeddings=False,
        ),
    ),
    "gpt_neo": (
        GPTNeoForCausalLM,
        GPTNeoConfig(
            vocab_size=23, max_position_embeddings=12, hidden_size=8, num_layers=2, num_heads=2, window_size=3,
            attention_types=[[["global", "local"], 1]],
        ),
    ),
    "llama": (LlamaForCausalLM, LlamaConfig(**llama, rope_parameters=rope("default"))),
    "llama-biases": (
        LlamaForCausalLM,
        LlamaConfig(
            **dict(llama, num_key_value_heads=4), head_dim=6, attention_bias=True, mlp_bias=True,
            tie_word_embeddings=True, rope_parameters=rope("linear", factor=2.0),
        ),
    ),
    "llama3": (LlamaForCausalLM, LlamaConfig(**dict(llama, num_key_value_heads=1), rope_parameters=llama3)),
    "llama-yarn": (LlamaForCausalLM, LlamaConfig(**llama, head_dim=8, rope_parameters=yarn)),
    "mistral": (MistralForCausalLM, MistralConfig(**llama, sliding_window=3)),
    "qwen2": (
        Qwen2ForCausalLM,
        Qwen2Config(**llama, use_sliding_window=True, sliding_window=3, max_window_layers=1, tie_word_embeddings=True),
    ),
}
texts = [[1, 5, 7, 3, 2, 9, 14], [4, 21, 8, 2]]
width = max(map(len, texts))


def padded(left):
    fill = [[0] * (width - len(text)) for text in texts]
    rows = [f + t if left else t + f for t, f in zip(texts, fill)]
    mask = [[0] * len(f) + [1] * len(t) if left else [1] * len(t) + [0] * len(f) for t, f in zip(texts, fill)]
    return torch.tensor(rows), torch.tensor(mask)


tensors, configs = {}, {}
for name, (kind, config) in cases.items():
    config._attn_implementation = "eager"
    model = kind(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    for side in ["right", "left"]:
        ids, mask = padded(side == "left")
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        logits = model(input_ids=ids, attention_mask=mask, position_ids=positions).logits
        tensors[f"{name}/{side}"] = logits.detach().clone()
        if side == "left":
            continue
        labels = ids.masked_fill(mask == 0, -100)
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, 23), labels[:, 1:].reshape(-1))
        loss.backward()
        tensors[f"{name}/loss"] = loss.detach()
    for key, value in model.named_parameters():
        tensors[f"{name}/weight/{key}"] = value.detach().clone()
        tensors[f"{name}/gradient/{key}"] = value.grad.clone()
    configs[name] = config.to_dict()

goldens = pathlib.Path(__file__).resolve().parents[2] / "packages" / "trainer" / "goldens"
save_file(tensors, goldens / "decoders.safetensors", metadata={"made_by": "torch"})
(goldens / "decoders.json").write_text(json.dumps(configs, indent=1) + "\n")
print(len(cases), "cases", sum(t.numel() * 4 for t in tensors.values()), "bytes")
