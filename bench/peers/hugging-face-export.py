"""Loads what hugging-face-export.mjs wrote in DIR with transformers: no missing or unexpected key, logits within 1e-5."""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

for name in ["bert", "distilbert"]:
    folder = Path(sys.argv[1]) / name
    model, info = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    check = load_file(folder / "check.safetensors")
    with torch.no_grad():
        logits = model.eval()(input_ids=check["input_ids"], attention_mask=check["attention_mask"]).logits
    worst = (logits - check["logits"]).abs().max().item()
    problems = {key: value for key, value in info.items() if value}
    tokens = len(AutoTokenizer.from_pretrained(folder))
    print(f"{name}: {type(model).__name__}, largest difference {worst:.1e} of {logits.abs().max():.2f}, {tokens} tokens, {problems or 'no keys missing or unexpected'}")
    assert worst <= 1e-5 and not problems
