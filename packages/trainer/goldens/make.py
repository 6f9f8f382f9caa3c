"""Makes bert.safetensors, bert-config.json and optimizers.json with PyTorch and transformers. Run in this folder."""

import json

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification

torch.manual_seed(7)
config = BertConfig(
    vocab_size=20, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12,
    max_position_embeddings=10, num_labels=3, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.0,
)
model = BertForSequenceClassification(config).eval()
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
save_file(tensors, "bert.safetensors", metadata={"made_by": "torch"})
fields = config.to_dict()
fields["id2label"] = {str(key): value for key, value in fields["id2label"].items()}
with open("bert-config.json", "w") as file:
    json.dump(fields, file, indent=1)

gradients = [torch.randn(12) for _ in range(5)]
start = torch.randn(12)
cases = {
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.9, 0.99), eps=1e-6, weight_decay=0.1, foreach=False),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.9, 0.99), eps=1e-6, weight_decay=0.1, foreach=False),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01, weight_decay=0.1, foreach=False),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=0.1, foreach=False),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True, foreach=False),
}
trajectories = {}
for name, make in cases.items():
    weights = torch.nn.Parameter(start.clone())
    optimizer = make([weights])
    trajectories[name] = []
    for gradient in gradients:
        weights.grad = gradient.clone()
        optimizer.step()
        trajectories[name].append(weights.detach().tolist())
with open("optimizers.json", "w") as file:
    gradients = [gradient.tolist() for gradient in gradients]
    json.dump({"start": start.tolist(), "gradients": gradients, "trajectories": trajectories}, file)
