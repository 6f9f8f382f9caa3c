"""Trains an encoder classifier in PyTorch for ever and prints the seconds of every step: the peer of
bench/suites/training-speed-pytorch.js, which starts, stops and reads it.

    python bench/peers/training-speed.py SHAPE.json      (pip install torch transformers)

SHAPE.json: config (of BertConfig), batch, length, threads, attention (eager or sdpa), pooling (cls or mean).
"""
import json
import sys
import time

import torch
from transformers import BertConfig, BertForSequenceClassification, BertModel

shape = json.load(open(sys.argv[1]))
torch.manual_seed(1)
torch.set_num_threads(shape["threads"])
torch.set_num_interop_threads(1)
config = BertConfig(**shape["config"], attn_implementation=shape["attention"])


class MeanClassifier(torch.nn.Module):
    """The mean of the tokens through one linear layer."""

    def __init__(self):
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=False)
        self.classifier = torch.nn.Linear(config.hidden_size, 2)

    def loss(self, input_ids, attention_mask, labels):
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).float()
        logits = self.classifier((hidden * mask).sum(1) / mask.sum(1))
        return torch.nn.functional.cross_entropy(logits, labels)


class FirstTokenClassifier(BertForSequenceClassification):
    def loss(self, **inputs):
        return self(**inputs).loss


model = (MeanClassifier() if shape["pooling"] == "mean" else FirstTokenClassifier(config)).train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
size = (shape["batch"], shape["length"])
print(json.dumps({"torch": torch.__version__, "parameters": sum(p.numel() for p in model.parameters())}), flush=True)
while True:
    start = time.perf_counter()
    ids = torch.randint(config.vocab_size, size)
    labels = torch.randint(2, size[:1])
    loss = model.loss(input_ids=ids, attention_mask=torch.ones(size, dtype=torch.long), labels=labels)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    print(json.dumps({"seconds": time.perf_counter() - start, "loss": loss.item()}), flush=True)
