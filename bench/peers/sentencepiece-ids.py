"""Encodes real and fuzzed texts with SentencePiece itself, for bench/suites/tokenizer-identity.js.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3 protobuf
    python bench/peers/tokenizer-ids.py DATA MODELS OUT --limit 4000 --kinds bert     (writes the texts)
    python bench/peers/sentencepiece-ids.py DATA OUT

Trains models of 8,000 pieces on a part of IMDB and on the languages of OUT; OUT gets KIND/tokenizer.model and
KIND.CORPUS.ids, a hash of the ids a line. A line is `-` where the text has a mark (U+2581), which this library takes for a
space, a special token, which it finds in texts, or a cluster of characters that the Rust library's Precompiled normalizes
in another way; how many there are is printed. Unigram models differ where two ways to cut a text have the same score
(`aaaa` as `a aaa` or `aaa a`): SentencePiece adds scores as float32.
"""

import gzip
import hashlib
import json
import os
import pathlib
import re
import sys

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import normalizers

data, out = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
os.chdir(out)
corpora = {name: json.load(open(f"{name}.json")) for name in ["fuzz", "languages", "banking77", "imdb-test", "sgd"]}
with gzip.open(data / "imdb" / "train.jsonl.gz", "rt") as file:
    train = [json.loads(line)["text"] for line, _ in zip(file, range(3000))] + corpora["languages"][::3]
llama = dict(model_type="bpe", byte_fallback=True, split_digits=True, allow_whitespace_only_pieces=True, remove_extra_whitespaces=False, normalization_rule_name="identity")
kinds = {
    "spm-unigram": dict(model_type="unigram"),
    "spm-unigram-bytes": dict(model_type="unigram", byte_fallback=True, normalization_rule_name="nfkc_cf", user_defined_symbols=["<br />", "n't"]),
    "spm-unigram-identity": dict(model_type="unigram", normalization_rule_name="identity", remove_extra_whitespaces=False, split_by_whitespace=False),
    "spm-bpe": dict(model_type="bpe"),
    "spm-bpe-symbols": dict(model_type="bpe", user_defined_symbols=["<br />", "n't", "▁▁"], add_dummy_prefix=False),
    "spm-llama": llama,
}
chosen = sys.argv[3].split(",") if len(sys.argv) > 3 else kinds


def digest(numbers):
    return hashlib.sha1(",".join(map(str, numbers)).encode()).hexdigest()[:12]


for kind in chosen:
    lines = (line for text in train for line in text.split("\n"))
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=lines, model_prefix=kind, vocab_size=8000, minloglevel=2, num_threads=1, **kinds[kind])
    pathlib.Path(kind).mkdir(exist_ok=True)
    os.replace(f"{kind}.model", f"{kind}/tokenizer.model")
    os.remove(f"{kind}.vocab")
    processor = sentencepiece.SentencePieceProcessor(model_file=f"{kind}/tokenizer.model")
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(pathlib.Path(f"{kind}/tokenizer.model").read_bytes())
    charsmap = model.normalizer_spec.precompiled_charsmap
    normalize = normalizers.Precompiled(charsmap).normalize_str if charsmap else str
    shape = lambda text: re.sub(" +", " ", text.replace("▁", " ")).strip(" ")
    for name, rows in corpora.items():
        left_out = 0
        with open(f"{kind}.{name}.ids", "w") as file:
            for row in rows:
                text = re.sub("[\ud800-\udfff]", "\ufffd", row)
                special = re.search("▁|<s>|</s>|<unk>|<0x[0-9A-F]{2}>", text)
                if special or (charsmap and shape(normalize(text)) != shape(processor.normalize(text))):
                    left_out += 1
                    file.write("-\n")
                else:
                    file.write(digest(processor.encode(text)) + "\n")
        print(f"{kind} {name}: {left_out} of {len(rows)} texts left out", flush=True)
