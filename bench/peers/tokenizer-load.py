"""Loads tokenizer folders with tokenizers and with transformers and compares their ids on texts.

    pip install tokenizers==0.23.3 transformers==5.24.0 && python bench/peers/tokenizer-load.py TEXTS.json DIR...

Truncation and padding of the file are switched off in `tokenizers`, as `transformers` does unless asked. Exits with 1
when any text, or pair of non-empty texts, has different ids, or a chat template does not render.
"""

import json
import sys

from tokenizers import Tokenizer
from transformers import AutoTokenizer

failed = False
texts = json.load(open(sys.argv[1]))[:2000] + ["déjà vu — 12 € 日本語 😀\n  x", ""]
for folder in sys.argv[2:]:
    high = AutoTokenizer.from_pretrained(folder)
    low = Tokenizer.from_file(folder + "/tokenizer.json")
    low.no_truncation()
    low.no_padding()
    single = sum(high(t)["input_ids"] != low.encode(t).ids for t in texts)
    pairs = [(a, b) for a, b in zip(texts, texts[1:]) if a and b]
    pair = sum(high(a, b)["input_ids"] != low.encode(a, b).ids for a, b in pairs)
    config = json.load(open(folder + "/tokenizer_config.json"))
    same = high.model_max_length == config["model_max_length"] and len(high) == low.get_vocab_size()
    chat = ""
    if high.chat_template:
        turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]
        chat = high.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        same = same and "Hi" in chat and "Yes?" in chat
    failed = failed or single > 0 or pair > 0 or not same
    print(f"{folder}: {type(high).__name__}, {len(high)} tokens, {single} of {len(texts)} texts differ, {pair} pairs", repr(chat))
sys.exit(1 if failed else 0)
