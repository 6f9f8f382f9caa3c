"""Makes packages/trainer/goldens/distilbert{.safetensors,-config.json} with PyTorch and transformers: random weights, a batch with padding, logits, loss and gradients."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import DistilBertConfig, DistilBertForSequenceClassification

goldens = Path(__file__).parents[2] / "packages/trainer/goldens"
torch.manual_seed(11)
config = DistilBertConfig(
    vocab_size=20, dim=8, n_layers=2, n_heads=2, hidden_dim=12, max_position_embeddings=10, num_labels=3,
    attention_dropout=0.0,
)
model = DistilBertForSequenceClassification(config).eval()
with torch.no_grad():
    for parameter in model.parameters():
        parameter.add_(torch.randn_like(parameter) * 0.2)
ids = torch.tensor([[2, 5, 7, 3, 0, 0], [2, 9, 9, 14, 19, 3]])
mask = (ids != 0).long()
labels = torch.tensor([2, 0])
logits = model(input_ids=ids, attention_mask=mask).logits
loss = torch.nn.functional.cross_entropy(logits, labels)
loss.backward()
tensors = {name: value.detach().contiguous() for name, value in model.named_parameters()}
tensors |= {f"grad/{name}": value.grad.contiguous() for name, value in model.named_parameters()}
tensors |= {"ids": ids, "mask": mask, "labels": labels, "logits": logits.detach(), "loss": loss.detach()}
save_file(tensors, goldens / "distilbert.safetensors", metadata={"made_by": "torch"})
fields = config.to_dict()
fields["id2label"] = {str(key): value for key, value in fields["id2label"].items()}
(goldens / "distilbert-config.json").write_text(json.dumps(fields, indent=1) + "\n")
print(sorted(dict(model.named_parameters())))
