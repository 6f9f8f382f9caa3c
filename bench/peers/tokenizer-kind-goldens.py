"""Ids and offsets of small tokenizers of every kind by the Rust library: packages/text/goldens/tokenizer-kinds.json.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3 protobuf && python bench/peers/tokenizer-kind-goldens.py

The kinds are those of bench/peers/tokenizer-ids.py, which needs real data; these learn a few hundred tokens from the
committed texts, and Unigrams are those of goldens/forms. Scores are rounded to 1/256, which JSON and sums keep exactly,
so equally good segmentations are equally good everywhere. Training breaks ties by the order of hash tables: models that
the golden has are kept, so that a second run gives the same bytes; delete it to learn anew. Offsets are in UTF-16 units, without special tokens; ids have
them. Kinds that share a model name it once.
"""

import json
import pathlib
import random

from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

goldens = pathlib.Path(__file__).resolve().parents[2] / "packages" / "text" / "goldens"
rng = random.Random(29)
world = [
    "今天天气很好，我们去公园散步吧。这家饭店的菜非常好吃！",
    "東京は日本の首都です。カタカナとｶﾅ、か\u3099も。",
    "สวัสดีครับ ยินดีที่ได้รู้จัก น้ำ",
    "مرحبا بالعالم، كيف حالكَ اليوم؟ ١٢٣",
    "नमस्ते दुनिया, क्षत्रिय",
    "안녕하세요 세계 \u1112\u1161\u11ab",
    "Привет, МИР! ΟΔΟΣ ΣΟΦΟΣ. İstanbul'da",
    "Ça va ? L’été — naïve cafe\u0301 à 12 € … ½ ﬁne",
    "😀👩\u200d👩\u200d👧 👍🏽❤️ 🇩🇪🇯🇵 1️⃣ okay 😀😀",
    "Don't you're WE'LL 3,000,000 x1y2 http://a.b/c?d=e&f",
    "<s>hi</s> a [MASK] b<mask>  <unk> [CLS]x<|endoftext|> <0x41>▁▁",
    "``so'' it's\t\ttwo  spaces \r\n\r\n  end \u3000\u00a0\u2003x",
]
atoms = [*" \n\t'.,!-_12aesTİΣſ中の한ก\u0e33ع\u0301\u0323\u200d\u200b\ufe0f\ufffd\ufeff\0\x7f▁", "  ", "th", "ing", "ﬁ", "㍿", "½", "😀", "𝒳", "🇩🇪", "\u202e", "[SEP]", "</s>", "\x85", "\u1100\u1161", "\U000E0001"]
texts = ["", " ", "   ", "a", " a ", *world, "x" * 130, "ab" * 60]
texts += ["".join(rng.choices(atoms, k=rng.randrange(1, 26))) for _ in range(24)]
train = json.loads((goldens / "corpus.json").read_text()) + 3 * world[:10]
alphabet = pre_tokenizers.ByteLevel.alphabet()


target = goldens / "tokenizer-kinds.json"
known = json.loads(target.read_text())["models"] if target.exists() else {}


def learned(name, kind, normalizer, pre_tokenizer, vocab_size, special, model={}, **options):
    if name in known:
        return known[name]
    tokenizer = Tokenizer(getattr(models, kind)(**model))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = getattr(trainers, {"BPE": "Bpe"}.get(kind, kind) + "Trainer")
    tokenizer.train_from_iterator(train, trainer(vocab_size=vocab_size, special_tokens=special, show_progress=False, **options))
    model = json.loads(tokenizer.to_str())["model"]
    if kind == "Unigram":
        model["vocab"] = [[piece, rounded(score)] for piece, score in model["vocab"]]
    return model


rounded = lambda score: round(score * 256) / 256


def sentencepiece(name):
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString((goldens / "forms" / f"{name}.model").read_bytes())
    vocab = [[piece.piece, rounded(piece.score)] for piece in model.pieces]
    special = [piece.piece for piece in model.pieces if piece.type in (2, 3)]
    made = {"type": "Unigram", "unk_id": model.trainer_spec.unk_id, "vocab": vocab, "byte_fallback": False}
    return made, normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap), special


sp, charsmap, sp_special = sentencepiece("unigram")
bert_normalizer, bert_words = normalizers.BertNormalizer, pre_tokenizers.BertPreTokenizer()
Metaspace, Split, ByteLevel = pre_tokenizers.Metaspace, pre_tokenizers.Split, pre_tokenizers.ByteLevel
bert_special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
bytes_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
underlines = ["▁" * count for count in range(2, 5)]
llama_model = learned(
    "llama", "BPE", normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), Split("▁", "merged_with_next"),
    560, ["<unk>", "<s>", "</s>", *bytes_tokens, *underlines], dict(byte_fallback=True, fuse_unk=True, unk_token="<unk>"),
    limit_alphabet=80,
)
runs = [["▁" * a, "▁" * (n - a)] for n in range(2, 5) for a in range(1, n)]
llama_model["merges"] += [pair for pair in runs if pair not in llama_model["merges"]]
llama3_pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
clip_words = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
by_pattern = lambda pattern: pre_tokenizers.Sequence([Split(Regex(pattern), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)])
clip_normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
clip_split = pre_tokenizers.Sequence([Split(Regex(clip_words), "removed", invert=True), ByteLevel(add_prefix_space=False)])
plain = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()])
nfkc = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
learnt = {
    "uncased": json.loads((goldens / "tokenizer" / "tokenizer.json").read_text())["model"],
    "cased": learned("cased", "WordPiece", bert_normalizer(lowercase=False), bert_words, 400, bert_special, dict(unk_token="[UNK]"), limit_alphabet=120),
    "gpt2": learned("gpt2", "BPE", None, ByteLevel(add_prefix_space=False), 400, ["<|endoftext|>"], initial_alphabet=alphabet),
    "llama": llama_model,
    "llama3": {**learned("llama3", "BPE", None, by_pattern(llama3_pattern), 400, ["<|begin|>"], initial_alphabet=alphabet), "ignore_merges": True},
    "clip": learned("clip", "BPE", clip_normalizer, clip_split, 660, ["<|startoftext|>", "<|endoftext|>"],
                    dict(end_of_word_suffix="</w>", unk_token="<|endoftext|>"), initial_alphabet=alphabet, end_of_word_suffix="</w>"),
    "characters": learned("characters", "BPE", bert_normalizer(), bert_words, 300, ["<pad>", "<unk>"],
                          dict(unk_token="<unk>", end_of_word_suffix="</w>"), limit_alphabet=70, end_of_word_suffix="</w>"),
    "words": learned("words", "WordLevel", plain, pre_tokenizers.Whitespace(), 200, ["<pad>", "<unk>"], dict(unk_token="<unk>")),
    "sentencepiece": sp,
    "nfkc": learned("nfkc", "Unigram", nfkc, Metaspace(prepend_scheme="first"), 300, ["<pad>", "</s>", "<unk>"], unk_token="<unk>"),
}


def ids_of(name):
    vocab = learnt[name]["vocab"]
    return {piece: id for id, (piece, _) in enumerate(vocab)} if isinstance(vocab, list) else dict(vocab)


def kind(model, normalizer, pre_tokenizer, special=(), before=(), behind=(), post=None):
    tokenizer = Tokenizer.from_str(json.dumps({"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
        "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None, "model": learnt[model]}))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.add_special_tokens(list(special))
    ids = tokenizer.get_vocab()
    if before or behind:
        single = " ".join([*before, "$A", *behind])
        tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=[(t, ids[t]) for t in [*before, *behind]])
    if post:
        tokenizer.post_processor = post(ids)
    return model, tokenizer


quotes = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
stripped = [*quotes, normalizers.NFKD(), normalizers.StripAccents()]
chain = normalizers.Sequence
single_space = normalizers.Replace(Regex(" {2,}"), " ")
always = Metaspace(prepend_scheme="always")
by_words = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), always])
bert_around = dict(before=["[CLS]"], behind=["[SEP]"])
roberta_special = ["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, normalized=False)]
roberta = lambda ids: processors.RobertaProcessing(("</s>", ids["</s>"]), ("<s>", ids["<s>"]), add_prefix_space=True)
llama3 = lambda ids: processors.Sequence([processors.ByteLevel(trim_offsets=False),
    processors.TemplateProcessing(single="<|begin|> $A", special_tokens=[("<|begin|>", ids["<|begin|>"])])])
untrimmed = lambda ids: processors.ByteLevel(trim_offsets=False)
kinds = {
    "bert": kind("uncased", bert_normalizer(), bert_words, bert_special, **bert_around),
    "bert-cased": kind("cased", bert_normalizer(lowercase=False), bert_words, bert_special, **bert_around),
    "gpt2": kind("gpt2", None, ByteLevel(add_prefix_space=False), ["<|endoftext|>"], post=untrimmed),
    "gpt-neo": kind("gpt2", None, ByteLevel(add_prefix_space=False), [AddedToken("<|endoftext|>", normalized=True)], post=untrimmed),
    "roberta": kind("gpt2", None, ByteLevel(add_prefix_space=True), roberta_special, post=roberta),
    "clip": kind("clip", clip_normalizer, clip_split, ["<|startoftext|>", "<|endoftext|>"], ["<|startoftext|>"], ["<|endoftext|>"]),
    "char-bpe": kind("characters", bert_normalizer(), bert_words, ["<pad>", "<unk>"]),
    "llama-legacy": kind("llama", chain([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None, ["<unk>", "<s>", "</s>"], ["<s>"]),
    "llama": kind("llama", None, Metaspace(prepend_scheme="first", split=False), ["<unk>", "<s>", "</s>"], ["<s>"]),
    "gemma": kind("llama", normalizers.Replace(" ", "▁"), Split(" ", "merged_with_previous"), ["<unk>", "<s>", "</s>"], ["<s>"]),
    "llama3": kind("llama3", None, by_pattern(llama3_pattern), ["<|begin|>", "<|endoftext|>"], post=llama3),
    "qwen2": kind("gpt2", normalizers.NFC(), by_pattern(llama3_pattern.replace("{1,3}", "")), ["<|endoftext|>"]),
    "t5": kind("sentencepiece", charsmap, by_words, sp_special, behind=["</s>"]),
    "mt5": kind("sentencepiece", chain([charsmap, normalizers.Replace(Regex(" {2,}"), "▁")]), always, sp_special, behind=["</s>"]),
    "albert": kind("sentencepiece", chain([*stripped, normalizers.Lowercase(), charsmap]), by_words,
                   [*sp_special, AddedToken("[MASK]", lstrip=True, normalized=False)], ["<s>"], ["</s>"]),
    "xlnet": kind("sentencepiece", chain([*stripped, charsmap, single_space]), always,
                  [*sp_special, AddedToken("<mask>", lstrip=True, normalized=True)], behind=["</s>", "<s>"]),
    "xlm-roberta": kind("sentencepiece", chain([normalizers.Strip(left=False, right=True), charsmap, single_space]), always,
                        [*sp_special, AddedToken("<mask>", lstrip=True, normalized=True)], ["<s>"], ["</s>"]),
    "unigram-nfkc": kind("nfkc", nfkc, Metaspace(prepend_scheme="first"), ["<pad>", "</s>", "<unk>"]),
    "word-level": kind("words", plain, pre_tokenizers.Whitespace(), ["<pad>", "<unk>"]),
}


def units(text):
    """For each code point, and the end, its place in UTF-16 units."""
    places, at = [0], 0
    for character in text:
        at += 2 if ord(character) > 0xFFFF else 1
        places.append(at)
    return places


def row(tokenizer, bare, text):
    places = units(text)
    offsets = [places[at] for pair in bare.encode(text, add_special_tokens=False).offsets for at in pair]
    return [tokenizer.encode(text).ids, offsets]


rows = []
for name, (model, tokenizer) in kinds.items():
    description = json.loads(tokenizer.to_str())
    # Post-processors trim offsets, which ours leave as the model gives them.
    bare = Tokenizer.from_str(json.dumps({**description, "post_processor": None}))
    made = Tokenizer.from_str(json.dumps(description))
    rows.append({"kind": name, "model": model, "description": {**description, "model": None}, "texts": [row(made, bare, text) for text in texts]})
dump = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
lines = lambda items: ",\n".join(items)
target.write_text(
    "{" + f'"texts":{dump(texts)},\n"models":{{\n' + lines(f"{dump(name)}:{dump(model)}" for name, model in learnt.items())
    + '\n},\n"kinds":[\n' + lines(map(dump, rows)) + "\n]}\n"
)
