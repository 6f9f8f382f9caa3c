"""Trains a vocabulary with the tokenizers library; a peer of bench/suites/tokenizer-training.js, which starts it.

    python bench/peers/tokenizer-training.py TEXTS.json wordpiece|bpe|metaspace-bpe|unigram VOCAB_SIZE OUT

Prints the time in milliseconds (reading the texts is not in it) and the peak resident memory (VmHWM) in bytes as JSON.
"""

import json
import re
import sys
import time

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers


def main():
    source, kind, size, target = sys.argv[1:5]
    texts = json.load(open(source))
    options = {"vocab_size": int(size), "show_progress": False}
    if kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        trainer = trainers.WordPieceTrainer(special_tokens=special, min_frequency=2, **options)
    elif kind == "bpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        special = ["<pad>", "<s>", "</s>"]
        trainer = trainers.BpeTrainer(special_tokens=special, min_frequency=2, initial_alphabet=alphabet, **options)
    elif kind == "metaspace-bpe":
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
        special = ["<pad>", "<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
        trainer = trainers.BpeTrainer(special_tokens=special, min_frequency=2, **options)
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        special = ["<pad>", "<unk>", "<s>", "</s>"]
        trainer = trainers.UnigramTrainer(special_tokens=special, unk_token="<unk>", **options)
    start = time.perf_counter()
    tokenizer.train_from_iterator(texts, trainer)
    took = time.perf_counter() - start
    tokenizer.save(target)
    with open("/proc/self/status") as status:
        peak = int(re.search(r"^VmHWM:\s*(\d+)", status.read(), re.M).group(1)) * 1024
    print(json.dumps({"time": took * 1000, "peak": peak}))


main()
