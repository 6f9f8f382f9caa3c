"""Encodes real and fuzzed texts with the Rust `tokenizers` library, for bench/suites/tokenizer-identity.js.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3 protobuf
    python bench/peers/tokenizer-ids.py DATA MODELS OUT [--limit N] [--kinds a,b]

DATA has imdb, banking77 and sgd; MODELS has bert-uncased-tokenizer, all-MiniLM-L6-v2 and gpt2-tokenizer. What those lack
is trained here on a part of IMDB and on names in many languages (from `node`, whose Intl knows them). OUT gets
KIND/tokenizer.json, CORPUS.json (the texts), KIND.CORPUS.ids (a hash of the ids a line, special tokens included) and, for
the small corpora, KIND.CORPUS.offsets (a hash of the UTF-16 ranges a line, no special tokens). Everything is seeded.
"""

import argparse
import csv
import gzip
import hashlib
import json
import pathlib
import random
import re
import subprocess

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

parser = argparse.ArgumentParser()
parser.add_argument("data", type=pathlib.Path)
parser.add_argument("models", type=pathlib.Path)
parser.add_argument("out", type=pathlib.Path)
parser.add_argument("--limit", type=int)
parser.add_argument("--kinds")
options = parser.parse_args()
data, shared, out = options.data, options.models, options.out
out.mkdir(parents=True, exist_ok=True)


def jsonl(path):
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


def languages():
    """Lines of real words in languages of many scripts."""
    script = """
      const names = ['zh', 'zh-TW', 'ja', 'th', 'ar', 'ko', 'hi', 'he', 'fa', 'bn', 'ta', 'km', 'my', 'el', 'ru', 'tr', 'vi', 'am'];
      const made = {};
      for (const name of names) {
        const words = [];
        for (const type of ['region', 'language', 'currency', 'script']) {
          const of = new Intl.DisplayNames([name], { type, fallback: 'none' });
          for (const code of type === 'script' ? ['Arab', 'Hans', 'Latn', 'Thai', 'Deva'] : Intl.supportedValuesOf('currency').flatMap((c) => [c, c.slice(0, 2), c.slice(0, 2).toLowerCase()])) {
            try { const word = of.of(code); if (word) words.push(word); } catch {}
          }
        }
        for (let day = 0; day < 60; day++) words.push(new Intl.DateTimeFormat(name, { dateStyle: 'full', timeStyle: 'long' }).format(day * 7.3e9));
        made[name] = [...new Set(words)];
      }
      console.log(JSON.stringify(made));
    """
    found = json.loads(subprocess.run(["node", "-e", script], capture_output=True, check=True).stdout)
    rng = random.Random(5)
    emoji = ["😀", "👩\u200d👩\u200d👧", "🏳️\u200d🌈", "🇩🇪", "👍🏽", "❤️", "1️⃣", "🧑\u200d🚀", "☺", "🫠", "🇯🇵🇰🇷"]
    rows = []
    for name in found:
        for _ in range(250):
            words = rng.choices(found[name], k=rng.randrange(1, 30))
            words = [rng.choice(emoji) if rng.random() < 0.05 else word for word in words]
            rows.append(rng.choice(["", " ", " ", "، ", "。", "\n", "  ", "—"]).join(words))
    rows += ["".join(rng.choices(emoji + [" ", "a", "!"], k=rng.randrange(1, 40))) for _ in range(500)]
    return rows


def fuzz(count):
    rng = random.Random(11)
    specials = ["[CLS]", "[MASK]", "[SEP]", "[mask]", "<s>", "</s>", "<unk>", "<pad>", "<mask>", "<|endoftext|>", "<0x0A>", "<0x41>", "\u2581", "ſ", "İ", "ΣΑΣ", "n't", "  ", "'S", "'ll", "``", "''"]
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
        lambda: chr(rng.randrange(0xD800, 0xE000)),
        lambda: rng.choice(["\u202e", "\u2066", "\u200f", "\u061c", "\0", "\x7f", "\x1b"]),
        lambda: rng.choice(specials),
        lambda: rng.choice("abcdeABCDE019 ") * rng.randrange(1, 120),
        lambda: "".join(rng.choices("etaoinshrdlu", k=rng.randrange(1, 9))) + rng.choice([" ", " ", "", ".", "\n"]),
        lambda: rng.choice(["\ufffd", "ﬁ", "①", "㍿", "½", "e\u0301", "\u1100\u1161\u11a8", "o\u0302\u0323", "\u0f71\u0f72"]),
    ]
    rows = []
    for number in range(count):
        chosen = rng.sample(kinds, rng.randrange(1, len(kinds)))
        length = 2000 if number % 1000 == 7 else 60
        rows.append("".join(rng.choice(chosen)() for _ in range(rng.randrange(0, length))))
    return rows


def paired(text):
    """The text with surrogates that form pairs joined; lone ones stay, as in a JavaScript string."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def well_formed(text):
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


banking = []
for part in ["train", "test"]:
    with open(data / "banking77" / f"{part}.csv") as file:
        banking += [row[0] for row in csv.reader(file)][1:]
dialogues = [row for part in ["train", "dev", "test"] for row in jsonl(data / "sgd" / f"{part}.jsonl.gz")]
corpora = {
    "fuzz": [paired(row) for row in fuzz(20000)],
    "languages": languages(),
    "banking77": banking,
    "imdb-test": [row["text"] for row in jsonl(data / "imdb" / "test.jsonl.gz")],
    "sgd": [message["content"] for row in dialogues for message in row["messages"]],
}
with_offsets = ["fuzz", "languages", "banking77"]
train = [row["text"] for row in jsonl(data / "imdb" / "train.jsonl.gz")][:3000] + corpora["languages"][::3]
if options.limit:
    corpora = {name: rows[: options.limit] for name, rows in corpora.items()}
for name, rows in corpora.items():
    (out / f"{name}.json").write_text(json.dumps(rows))


def template(before, behind, vocabulary):
    special = [(token, vocabulary[token]) for token in before + behind]
    return processors.TemplateProcessing(single=" ".join([*before, "$A", *behind]), special_tokens=special)


def changed(tokenizer, change):
    description = json.loads(tokenizer.to_str())
    change(description)
    return Tokenizer.from_str(json.dumps(description))


def bert(folder="bert-uncased-tokenizer"):
    return Tokenizer.from_file(str(shared / folder / "tokenizer.json"))


def distilbert():
    tokenizer = bert()
    tokenizer.post_processor = template(["[CLS]"], ["[SEP]"], tokenizer.get_vocab())
    return tokenizer


def mobilebert():
    """Its file says explicitly what BERT's leaves to the case, and has the masks of `added_tokens` as BERT's."""
    return changed(bert(), lambda d: d["normalizer"].update(strip_accents=True))


def bert_cased():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(train, trainers.WordPieceTrainer(vocab_size=8000, special_tokens=special, show_progress=False))
    tokenizer.post_processor = template(["[CLS]"], ["[SEP]"], tokenizer.get_vocab())
    return tokenizer


def byte_level(vocabulary, merges, **model):
    return Tokenizer(models.BPE(vocabulary, merges, **model))


def gpt2(prefix=False):
    folder = shared / "gpt2-tokenizer"
    tokenizer = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return tokenizer


def gpt_neo():
    return changed(gpt2(), lambda d: d["added_tokens"][0].update(normalized=True))


def roberta():
    tokenizer = gpt2(prefix=True)
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, normalized=False)])
    ids = tokenizer.get_vocab()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", ids["</s>"]), ("<s>", ids["<s>"]), add_prefix_space=True)
    return tokenizer


bytes_tokens = [f"<0x{byte:02X}>" for byte in range(256)]


def sentencepiece_bpe():
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
    special = ["<unk>", "<s>", "</s>"] + bytes_tokens + ["\u2581" * count for count in range(2, 17)]
    trainer = trainers.BpeTrainer(vocab_size=8000, special_tokens=special, limit_alphabet=700, show_progress=False)
    tokenizer.train_from_iterator(train, trainer)
    return tokenizer


def llama_legacy(base=[]):
    if not base:
        base.append(sentencepiece_bpe())

    def change(d):
        merges = [["\u2581" * a, "\u2581" * (n - a)] for n in range(2, 17) for a in range(1, n)]
        d["model"]["merges"] = d["model"]["merges"] + merges
        d["pre_tokenizer"] = None
        d["added_tokens"] = d["added_tokens"][:3]

    tokenizer = changed(base[0], change)
    tokenizer.post_processor = template(["<s>"], [], tokenizer.get_vocab())
    return tokenizer


def llama():
    tokenizer = llama_legacy()
    tokenizer.normalizer = None
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    return tokenizer


def gemma():
    tokenizer = llama_legacy()
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    return tokenizer


llama3_pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def split_byte_level(pattern, normalizer=None, special=("<|endoftext|>",), **model):
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer:
        tokenizer.normalizer = normalizer
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=8000, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(train, trainer)
    return tokenizer


def llama3():
    special = ["<|begin_of_text|>", "<|endoftext|>"]
    tokenizer = split_byte_level(llama3_pattern, special=special, ignore_merges=True)
    start = template(["<|begin_of_text|>"], [], tokenizer.get_vocab())
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), start])
    return tokenizer


def qwen2():
    pattern = llama3_pattern.replace("{1,3}", "")
    return split_byte_level(pattern, normalizers.NFC())


def clip():
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    trainer = trainers.BpeTrainer(
        vocab_size=8000,
        special_tokens=["<|startoftext|>", "<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(train, trainer)
    return tokenizer


def char_bpe():
    """GPT-1's kind: characters, the end of a word marked."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=6000, special_tokens=["<pad>", "<unk>"], limit_alphabet=500, end_of_word_suffix="</w>", show_progress=False
    )
    tokenizer.train_from_iterator(train, trainer)
    return tokenizer


def word_level():
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(train, trainers.WordLevelTrainer(vocab_size=5000, special_tokens=["<pad>", "<unk>"], show_progress=False))
    return tokenizer


def unigram_nfkc():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    trainer = trainers.UnigramTrainer(
        vocab_size=6000, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(train, trainer)
    return tokenizer


def sentencepiece_unigram(form="nmt_nfkc", cache={}):
    if form in cache:
        return cache[form]
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2 as proto

    (out / "spm.txt").write_text("\n".join(text.replace("\n", " ") for text in train))
    sentencepiece.SentencePieceTrainer.train(
        input=str(out / "spm.txt"),
        model_prefix=str(out / "spm"),
        vocab_size=8000,
        model_type="unigram",
        minloglevel=2,
        normalization_rule_name=form,
        pad_id=3,
    )
    model = proto.ModelProto()
    model.ParseFromString((out / "spm.model").read_bytes())
    cache[form] = model
    return model


def unigram(normalizer, pre_tokenizer, form="nmt_nfkc", before=(), behind=("</s>",), mask=None):
    model = sentencepiece_unigram(form)
    vocab = [(piece.piece, piece.score) for piece in model.pieces]
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=model.trainer_spec.unk_id))
    tokenizer.normalizer = normalizer(normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>", "<pad>"])
    if mask:
        tokenizer.add_special_tokens([mask])
    tokenizer.post_processor = template(list(before), list(behind), tokenizer.get_vocab())
    return tokenizer


collapse = normalizers.Replace(Regex(" {2,}"), " ")
quotes = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
metaspace = pre_tokenizers.Metaspace(prepend_scheme="always")
by_words = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace])


def t5():
    return unigram(lambda p: p, by_words)


def mt5():
    return unigram(lambda p: normalizers.Sequence([p, normalizers.Replace(Regex(" {2,}"), "\u2581")]), metaspace)


def albert():
    return unigram(
        lambda p: normalizers.Sequence([*quotes, normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), p]),
        by_words,
        form="nmt_nfkc_cf",
        before=["<s>"],
        mask=AddedToken("[MASK]", lstrip=True, normalized=False),
    )


def xlnet():
    return unigram(
        lambda p: normalizers.Sequence([*quotes, normalizers.NFKD(), normalizers.StripAccents(), p, collapse]),
        metaspace,
        before=[],
        behind=["</s>", "<s>"],
        mask=AddedToken("<mask>", lstrip=True, normalized=True),
    )


def xlm_roberta():
    return unigram(
        lambda p: normalizers.Sequence([normalizers.Strip(left=False, right=True), p, collapse]),
        metaspace,
        before=["<s>"],
        mask=AddedToken("<mask>", lstrip=True, normalized=True),
    )


kinds = {
    "bert": bert,
    "bert-cased": bert_cased,
    "distilbert": distilbert,
    "mobilebert": mobilebert,
    "minilm": lambda: bert("all-MiniLM-L6-v2"),
    "gpt2": gpt2,
    "gpt-neo": gpt_neo,
    "roberta": roberta,
    "clip": clip,
    "char-bpe": char_bpe,
    "llama-legacy": llama_legacy,
    "llama": llama,
    "gemma": gemma,
    "llama3": llama3,
    "qwen2": qwen2,
    "t5": t5,
    "mt5": mt5,
    "albert": albert,
    "xlnet": xlnet,
    "xlm-roberta": xlm_roberta,
    "unigram-nfkc": unigram_nfkc,
    "word-level": word_level,
}


def digest(numbers):
    return hashlib.sha1(",".join(map(str, numbers)).encode()).hexdigest()[:12] + "\n"


def units(text):
    """For each code point, and the end, its place in UTF-16 units."""
    places, at = [0], 0
    for character in text:
        at += 2 if ord(character) > 0xFFFF else 1
        places.append(at)
    return places


for kind in options.kinds.split(",") if options.kinds else kinds:
    tokenizer = kinds[kind]()
    tokenizer.no_truncation()
    tokenizer.no_padding()
    (out / kind).mkdir(exist_ok=True)
    tokenizer.save(str(out / kind / "tokenizer.json"))
    for name, rows in corpora.items():
        rows = [well_formed(row) for row in rows]
        with open(out / f"{kind}.{name}.ids", "w") as file:
            for at in range(0, len(rows), 2000):
                for encoding in tokenizer.encode_batch_fast(rows[at : at + 2000]):
                    file.write(digest(encoding.ids))
    # A Unigram that goes through JSON is another: the library reads some scores back an ulp off, and equally good pieces change places.
    by_score = json.loads(tokenizer.to_str())["model"]["type"] == "Unigram"
    bare = tokenizer if by_score else changed(tokenizer, lambda d: d.update(post_processor=None))
    for name in with_offsets:
        with open(out / f"{kind}.{name}.offsets", "w") as file:
            for row in map(well_formed, corpora[name]):
                places = units(row)
                file.write(digest(places[at] for pair in bare.encode(row, add_special_tokens=False).offsets for at in pair))
    print(kind, flush=True)
