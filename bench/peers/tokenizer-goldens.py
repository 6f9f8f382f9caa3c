"""Trains small vocabularies with the tokenizers library: packages/text/goldens/trained-tokenizers.json.

    pip install tokenizers==0.23.3 && python bench/peers/tokenizer-goldens.py

WordPiece gives ids to the continuing characters in the order of a hash table; here the alphabet is handed over as
special tokens in the order of code points, so that ties between merges are decided the same way in every run.
"""

import json
import pathlib

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

folder = pathlib.Path(__file__).resolve().parents[2] / "packages" / "text" / "goldens"
corpora = {
    "prose": json.loads((folder / "corpus.json").read_text())[:60],
    "ties": ["abab abab cd cd cd ba ba dc", "aaaaaaaa aaaa aaa bbbb", "abc abc ab bc xabc abcx bcab", "123 12 2024 x1y2"],
    "languages": [
        "Ça va? Où est l'été — naïve café, 12 €!",
        "今日は天気がいいですね。東京へ行きます。",
        "สวัสดีครับ ยินดีต้อนรับ",
        "مرحبا بالعالم، كيف حالك؟",
        "ΟΔΟΣ οδός, ΣΟΦΟΣ σοφός",
        "😀 👩‍👩‍👧 ok 😀😀  two  spaces\tand\nlines",
        "Привет мир, привет всем. Мир!",
    ],
}
probes = ["the quick brown fox's 12 abab cdx", "今日は été ΣΟΦΟ 😀  x\n1", "", "zzz qqq"]


def word_piece(texts, options):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    lowercase = options.get("lowercase", True)
    normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if options.get("splitDigits"):
        pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizer, pre_tokenizers.Digits(individual_digits=True)])
    words = [w for t in texts for w, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(t))]
    prefix = options.get("continuingPrefix", "##")
    alphabet = sorted(set("".join(words)))
    inside = sorted({c for w in words for c in w[1:]})
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    trainer = trainers.WordPieceTrainer(
        vocab_size=options["vocabSize"],
        min_frequency=options.get("minFrequency", 2),
        special_tokens=special + alphabet + [prefix + c for c in inside],
        continuing_subword_prefix=prefix,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    vocabulary = json.loads(tokenizer.to_str())["model"]["vocab"]
    fresh = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", continuing_subword_prefix=prefix))
    fresh.normalizer, fresh.pre_tokenizer = normalizer, pre_tokenizer
    fresh.add_special_tokens(special)
    return fresh, special


def byte_pairs(texts, options):
    special = ["<pad>", "<s>", "</s>"]
    tokenizer = Tokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=options.get("addPrefixSpace", False))
    digits = [pre_tokenizers.Digits(individual_digits=True)] if options.get("splitDigits") else []
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*digits, byte_level])
    steps = [getattr(normalizers, options["unicode"])()] if "unicode" in options else []
    steps += [normalizers.Lowercase()] if options.get("lowercase") else []
    tokenizer.normalizer = normalizers.Sequence(steps)
    limit = {"max_token_length": options["maxTokenLength"]} if "maxTokenLength" in options else {}
    trainer = trainers.BpeTrainer(
        vocab_size=options["vocabSize"],
        min_frequency=options.get("minFrequency", 2),
        special_tokens=special,
        initial_alphabet=options.get("initialAlphabet", pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
        **limit,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer, special


def metaspace_byte_pairs(texts, options):
    special = ["<pad>", "<unk>", "<s>", "</s>"]
    fallback = options.get("byteFallback", True)
    make = lambda *learned: Tokenizer(models.BPE(*learned, unk_token="<unk>", fuse_unk=True, byte_fallback=fallback))
    tokenizer = make()
    steps = [getattr(normalizers, options["unicode"])()] if "unicode" in options else []
    steps += [normalizers.Lowercase()] if options.get("lowercase") else []
    digits = [pre_tokenizers.Digits(individual_digits=True)] if options.get("splitDigits") else []
    around = lambda made: (
        setattr(made, "normalizer", normalizers.Sequence(steps)),
        setattr(made, "pre_tokenizer", pre_tokenizers.Sequence([pre_tokenizers.Metaspace(prepend_scheme="first"), *digits])),
    )
    around(tokenizer)
    names = {"maxTokenLength": "max_token_length", "limitAlphabet": "limit_alphabet", "initialAlphabet": "initial_alphabet"}
    trainer = trainers.BpeTrainer(
        vocab_size=options["vocabSize"],
        min_frequency=options.get("minFrequency", 2),
        special_tokens=special + ([f"<0x{byte:02X}>" for byte in range(256)] if fallback else []),
        show_progress=False,
        **{theirs: options[ours] for ours, theirs in names.items() if ours in options},
    )
    tokenizer.train_from_iterator(texts, trainer)
    # The bytes are to be pieces, not special tokens.
    model = json.loads(tokenizer.to_str())["model"]
    fresh = make(model["vocab"], [tuple(pair) for pair in model["merges"]])
    around(fresh)
    fresh.add_special_tokens(special)
    return fresh, special


def unigram(texts, options):
    special = ["<pad>", "<unk>", "<s>", "</s>"]
    tokenizer = Tokenizer(models.Unigram())
    lower = [normalizers.Lowercase()] if options.get("lowercase") else []
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), *lower, normalizers.Replace(Regex(" {2,}"), " ")])
    digits = [pre_tokenizers.Digits(individual_digits=True)] if options.get("splitDigits") else []
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), *digits])
    length = {"max_piece_length": options["maxTokenLength"]} if "maxTokenLength" in options else {}
    trainer = trainers.UnigramTrainer(
        vocab_size=options["vocabSize"], special_tokens=special, unk_token="<unk>", show_progress=False, **length
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer, special


train = {"wordpiece": word_piece, "bpe": byte_pairs, "metaspace-bpe": metaspace_byte_pairs, "unigram": unigram}
around = {"wordpiece": ("[CLS]", "[SEP]"), "bpe": ("<s>", "</s>"), "metaspace-bpe": ("<s>", "</s>"), "unigram": ("<s>", "</s>")}
settings = [
    ("wordpiece", "prose", {"vocabSize": 300}),
    ("wordpiece", "ties", {"vocabSize": 60, "minFrequency": 1, "splitDigits": True}),
    ("wordpiece", "languages", {"vocabSize": 260, "lowercase": False, "continuingPrefix": "@@", "minFrequency": 1}),
    ("wordpiece", "languages", {"vocabSize": 220}),
    ("bpe", "prose", {"vocabSize": 450}),
    ("bpe", "prose", {"vocabSize": 400, "maxTokenLength": 4, "lowercase": True}),
    ("bpe", "ties", {"vocabSize": 60, "minFrequency": 1, "initialAlphabet": ["a", "\u0120"]}),
    ("bpe", "ties", {"vocabSize": 290, "splitDigits": True, "addPrefixSpace": True}),
    ("bpe", "languages", {"vocabSize": 330, "minFrequency": 1, "unicode": "NFC"}),
    ("metaspace-bpe", "prose", {"vocabSize": 700}),
    ("metaspace-bpe", "ties", {"vocabSize": 60, "minFrequency": 1, "splitDigits": True, "byteFallback": False}),
    ("metaspace-bpe", "languages", {"vocabSize": 480, "minFrequency": 1, "unicode": "NFC", "lowercase": True}),
    ("metaspace-bpe", "prose", {"vocabSize": 420, "maxTokenLength": 4, "initialAlphabet": ["日", "😀"]}),
    ("unigram", "prose", {"vocabSize": 200}),
    ("unigram", "prose", {"vocabSize": 150, "lowercase": True, "maxTokenLength": 5}),
    ("unigram", "ties", {"vocabSize": 24, "splitDigits": True}),
    ("unigram", "languages", {"vocabSize": 150}),
]
cases = []
for kind, corpus, options in settings:
    tokenizer, special = train[kind](corpora[corpus], options)
    first, last = around[kind]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", special_tokens=[(t, special.index(t)) for t in (first, last)]
    )
    model = json.loads(tokenizer.to_str())["model"]
    case = {"kind": kind, "corpus": corpus, "options": options}
    if kind == "unigram":
        case["pieces"] = [[piece, round(score, 6)] for piece, score in model["vocab"]]
    else:
        case["tokens"] = sorted(model["vocab"], key=model["vocab"].get)
    if "bpe" in kind:
        case["merges"] = [" ".join(pair) for pair in model["merges"]]
    # Bytes outside a given alphabet are dropped from texts, which is no part of training.
    if kind != "bpe" or "initialAlphabet" not in options:
        case["ids"] = [tokenizer.encode(text).ids for text in probes]
    cases.append(case)
text = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
head = f'"corpora": {json.dumps(corpora, ensure_ascii=False)},\n"probes": {json.dumps(probes, ensure_ascii=False)}'
(folder / "trained-tokenizers.json").write_text("{" + head + ',\n"cases": [\n' + text + "\n]}\n")
