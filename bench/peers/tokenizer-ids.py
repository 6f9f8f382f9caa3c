"""Trains the kinds of tokenizers that are absent and writes a hash of ids per line for kind × corpus.

python bench/peers/tokenizer-ids.py DATA MODELS OUT: DATA has imdb, banking77, sgd; MODELS the tokenizers. OUT gets
KIND/tokenizer.json, CORPUS.json (the lines) and KIND.CORPUS.txt (one hash a line); compared by
bench/suites/tokenizer-identity.js.
"""

import csv
import gzip
import hashlib
import json
import pathlib
import random
import sys

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

data, shared, out = map(pathlib.Path, sys.argv[1:4])
limit = int(sys.argv[4]) if len(sys.argv) > 4 else None
out.mkdir(parents=True, exist_ok=True)


def jsonl(path):
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


def fuzz(count):
    rng = random.Random(11)
    kinds = [
        lambda: chr(rng.randrange(0x20, 0x7F)),
        lambda: chr(rng.choice([9, 10, 11, 12, 13, 0x85, 0xA0, 0x1680, 0x2003, 0x2028, 0x202F, 0x3000, 0xFEFF, 0x200B])),
        lambda: chr(rng.randrange(0x300, 0x370)),
        lambda: chr(rng.randrange(0x20)),
        lambda: chr(rng.randrange(0x590, 0x700)),
        lambda: chr(rng.randrange(0xE00, 0xE5C)),
        lambda: chr(rng.randrange(0x3040, 0x30FF)),
        lambda: chr(rng.randrange(0x4E00, 0x9FFF)),
        lambda: chr(rng.randrange(0xAC00, 0xD7A3)),
        lambda: "\U0001F468\u200d\U0001F469\u200d\U0001F467" if rng.random() < 0.3 else chr(rng.randrange(0x1F300, 0x1FAFF)),
        lambda: chr(rng.choice([rng.randrange(0xD800), rng.randrange(0xE000, 0x10000)])),
        lambda: chr(rng.randrange(0x10000, 0x110000)),
        lambda: chr(rng.randrange(0x900, 0xE00)),
        lambda: rng.choice(["[CLS]", "[MASK]", "<s>", "</s>", "<unk>", "<|endoftext|>", "\u2581", "ſ", "İ", "ΣΑΣ", "n't", "  "]),
        lambda: rng.choice("abcde") * rng.randrange(1, 120),
        lambda: rng.choice(["\ufffd", "ﬁ", "①", "㍿", "½", "e\u0301", "\u1100\u1161\u11a8"]),
    ]
    rows = []
    for _ in range(count):
        chosen = rng.sample(kinds, rng.randrange(1, len(kinds)))
        rows.append("".join(rng.choice(chosen)() for _ in range(rng.randrange(1, 60))))
    return rows


with open(data / "banking77" / "test.csv") as file:
    banking = [row[0] for row in csv.reader(file)][1:]
imdb = [row["text"] for row in jsonl(data / "imdb" / "test.jsonl.gz")]
sgd = [json.dumps(row, ensure_ascii=False) for row in jsonl(data / "sgd" / "test.jsonl.gz")]
corpora = {"imdb-test": imdb, "banking77-test": banking, "sgd-test": sgd, "fuzz": fuzz(20000)}
if limit:
    corpora = {name: rows[:limit] for name, rows in corpora.items()}
for name, rows in corpora.items():
    (out / f"{name}.json").write_text(json.dumps(rows))
train = [row["text"] for row in jsonl(data / "imdb" / "train.jsonl.gz")][:4000]


def bert():
    return Tokenizer.from_file(str(shared / "bert-uncased-tokenizer" / "tokenizer.json"))


def gpt2():
    folder = shared / "gpt2-tokenizer"
    tokenizer = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return tokenizer


def llama():
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.train_from_iterator(train, trainers.BpeTrainer(vocab_size=6000, special_tokens=special, show_progress=False))
    description = json.loads(tokenizer.to_str())
    description["pre_tokenizer"] = None
    description["added_tokens"] = description["added_tokens"][:3]
    return Tokenizer.from_str(json.dumps(description))


def llama3():
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    from tokenizers import Regex

    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        train,
        trainers.BpeTrainer(vocab_size=8000, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False),
    )
    return tokenizer


def unigram(form, scheme):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = form
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    trainer = trainers.UnigramTrainer(
        vocab_size=6000, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(train, trainer)
    return tokenizer


def t5():
    import sentencepiece

    prefix = out / "spm"
    (out / "spm.txt").write_text("\n".join(text.replace("\n", " ") for text in train))
    sentencepiece.SentencePieceTrainer.train(
        input=str(out / "spm.txt"), model_prefix=str(prefix), vocab_size=6000, model_type="unigram", minloglevel=2
    )
    import base64

    # field 3 of ModelProto is the normalizer's specification, whose field 2 is the compiled map
    from sentencepiece import sentencepiece_model_pb2 as proto

    model = proto.ModelProto()
    model.ParseFromString((out / "spm.model").read_bytes())
    vocab = [(piece.piece, piece.score) for piece in model.pieces]
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=model.trainer_spec.unk_id))
    charsmap = model.normalizer_spec.precompiled_charsmap
    from tokenizers import Regex

    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return tokenizer


kinds = {
    "bert": bert,
    "gpt2": gpt2,
    "llama": llama,
    "llama3": llama3,
    "unigram-nfkc": lambda: unigram(normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]), "first"),
    "t5": t5,
}
for kind, make in kinds.items():
    tokenizer = make()
    tokenizer.no_truncation()
    tokenizer.no_padding()
    (out / kind).mkdir(exist_ok=True)
    tokenizer.save(str(out / kind / "tokenizer.json"))
    for name, rows in corpora.items():
        with open(out / f"{kind}.{name}.txt", "w") as file:
            for encoding in tokenizer.encode_batch(rows, add_special_tokens=False):
                file.write(hashlib.sha1(",".join(map(str, encoding.ids)).encode()).hexdigest()[:12] + "\n")
    print(kind, flush=True)
