"""Loads the folders that bench/peers/tokenizer-written.mjs wrote, and compares ids.

    pip install tokenizers==0.23.3 transformers==5.24.0 && python bench/peers/tokenizer-written.py OUT

Exits with 1 when any text or pair has other ids in `tokenizers` or in `transformers` than in the form it was made from.
Else packages/text/goldens/forms/written.json gets the SHA-256 of each tokenizer.json with its tokenizer_config.json.
"""

import hashlib
import json
import logging
import pathlib
import sys

from tokenizers import Tokenizer
from transformers import AutoTokenizer

logging.disable(logging.WARNING)
made = json.load(open(pathlib.Path(sys.argv[1]) / "ids.json"))
texts, failed, digests = made["texts"], False, {}
for folder, ids in made["ids"].items():
    low = Tokenizer.from_file(folder + "/tokenizer.json")
    high = AutoTokenizer.from_pretrained(folder)
    # `transformers` takes an empty second text for none
    pairs = list(zip(texts, texts[1:]))
    asked = [(a, b, row) for (a, b), row in zip(pairs, ids["pair"]) if b]
    wrong = {
        "tokenizers": sum(low.encode(t).ids != row for t, row in zip(texts, ids["single"])),
        "transformers": sum(high(t)["input_ids"] != row for t, row in zip(texts, ids["single"])),
        "tokenizers, pairs": sum(low.encode(a, b).ids != row for (a, b), row in zip(pairs, ids["pair"])),
        "transformers, pairs": sum(high(a, b)["input_ids"] != row for a, b, row in asked),
    }
    failed = failed or any(wrong.values())
    written = b"".join((pathlib.Path(folder) / f"{name}.json").read_bytes() for name in ["tokenizer", "tokenizer_config"])
    digests[pathlib.Path(folder).name] = hashlib.sha256(written).hexdigest()
    print(f"{pathlib.Path(folder).name}: {type(high).__name__}, {len(high)} tokens; of {len(texts)} texts differ: {wrong}")
if failed:
    sys.exit(1)
goldens = pathlib.Path(__file__).resolve().parents[2] / "packages" / "text" / "goldens" / "forms"
(goldens / "written.json").write_text(json.dumps(digests, indent=2) + "\n")
