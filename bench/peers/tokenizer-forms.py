"""Trains small SentencePiece models and says how they and folders of older forms encode: packages/text/goldens/forms.

    pip install tokenizers==0.23.3 transformers==5.24.0 sentencepiece==0.2.3 protobuf
    python bench/peers/tokenizer-forms.py DATA MODELS

DATA has imdb and sgd; MODELS has bert-uncased-tokenizer, gpt2-tokenizer and stories260K. Witnesses: `sentencepiece`
itself, the converters of `transformers`, its AutoTokenizer for folders, and llama2.c's algorithm written anew here.
"""

import gzip
import json
import logging
import os
import pathlib
import random
import re
import shutil
import struct
import sys
import tempfile
import types

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, convert_slow_tokenizer
from transformers.tokenization_utils_base import generate_merges

logging.disable(logging.WARNING)
data, shared = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
goldens = pathlib.Path(__file__).resolve().parents[2] / "packages" / "text" / "goldens"
out = goldens / "forms"
out.mkdir(exist_ok=True)
rng = random.Random(17)


def jsonl(path, count):
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line, _ in zip(file, range(count))]


reviews = [row["text"] for row in jsonl(data / "imdb" / "train.jsonl.gz", 1200)]
turns = [m["content"] for row in jsonl(data / "sgd" / "dev.jsonl.gz", 200) for m in row["messages"]]
world = [
    "今天天气很好，我们去公园散步吧。这家饭店的菜非常好吃！",
    "自然语言处理是人工智能的一个重要方向。",
    "東京は日本の首都です。今日は天気がいいですね。",
    "カタカナとひらがな、ﾊﾝｶｸも混ざっています。",
    "สวัสดีครับ ยินดีที่ได้รู้จัก วันนี้อากาศดีมาก",
    "مرحبا بالعالم، كيف حالك اليوم؟ أنا بخير والحمد لله.",
    "Привет, мир! Как дела? Всё хорошо.",
    "Ça va très bien, merci ; où est l’été — naïve café à 12 € ?",
    "नमस्ते दुनिया, आप कैसे हैं?",
    "안녕하세요 세계, 오늘 날씨가 좋네요.",
    "😀 👩‍👩‍👧 👍🏽 ❤️ 🇩🇪 okay 😀😀",
]
special = ["<sep>", "<cls>", "▁▁"]
pieces = [" ", "  ", "a", "e", "the", " the", "ing", "s", "\n", "\t", "\u00a0", "\u3000", "1", "23", ",", ".", "<br />", "漢", "字", "語", "ก", "ำ",
          "م", "😀", "\u0301", "\u200d", "ﬁ", "Ａ", "ａ", "㍿", "é", "x\u0323", "!", "''", "``", "Z", "\u0000", "𝒳", "▁", "か\u3099", "<x>"]
texts = [text[:160] for text in reviews[1000:1012] + turns[-12:]] + world
texts += ["it ' s n't , you ' re . don ' t ! ? I 'm", "", " ", "   ", "a", " a", "a ", "  two  spaces  ", "\nline\n\nbreak\t tab", "１２３ ＡＢＣ ﬁne", "don't ''quote'' ``so''", "aaaa aaa", "3,000,000 1,"]
texts += ["".join(rng.choice(pieces) for _ in range(rng.randint(1, 30))) for _ in range(40)]
with_tokens = ["<s>hello</s> the end", "a<unk>b", "one <sep> two<sep>three", "<pad> <cls>x", "<extra_id_7> the <mask> is"]

corpus = [line for text in reviews[:1000] for line in text.split("<br />")] + turns[:1500] + 8 * world
# SentencePiece's own rules (nmt_nfkc) take 240 kB; these are of their kind.
rules = {chr(c + 0xFEE0): chr(c) for c in range(0x21, 0x7F)}
rules |= {"\u3000": " ", "\u00a0": " ", "\t": " ", "\n": " ", "\r": " ", "ﬁ": "fi", "ﬂ": "fl", "㍿": "株式会社", "…": "...", "´": " \u0301", "\u200b": ""}
rules |= {"e\u0301": "é", "a\u0300": "à", "か\u3099": "が", "ﾊ": "ハ", "ﾝ": "ン", "ｶ": "カ", "ｸ": "ク"}
# Models name the files they were made from: relative ones, so that they are the same everywhere.
os.chdir(out)
rules_file = pathlib.Path("rules.tsv")
hexes = lambda text: " ".join(f"{ord(c):X}" for c in text)
rules_file.write_text("".join(f"{hexes(a)}\t{hexes(b)}\n" for a, b in rules.items()))


def train(name, **options):
    common = dict(sentence_iterator=iter(corpus), model_prefix=name, num_threads=1, minloglevel=2, character_coverage=0.99)
    sentencepiece.SentencePieceTrainer.train(**{**common, **options})
    (out / f"{name}.vocab").unlink()
    return sentencepiece.SentencePieceProcessor(model_file=str(out / f"{name}.model"))


identity = dict(normalization_rule_name="identity")
own_rules = dict(normalization_rule_tsv=str(rules_file))
llama = dict(model_type="bpe", byte_fallback=True, split_digits=True, allow_whitespace_only_pieces=True, remove_extra_whitespaces=False, **identity)
albert = dict(pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, pad_piece="<pad>", control_symbols=["[CLS]", "[SEP]", "[MASK]"])
trained = {
    "unigram": train("unigram", vocab_size=900, model_type="unigram", **own_rules),
    "unigram-bytes": train("unigram-bytes", vocab_size=900, byte_fallback=True, user_defined_symbols=special[:2] + ["<br />"], **identity),
    "bpe": train("bpe", vocab_size=900, model_type="bpe", user_defined_symbols=special[:2], **own_rules),
    "llama": train("llama", vocab_size=900, **llama),
    "t5": train("t5", vocab_size=700, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, **own_rules),
    "albert": train("albert", vocab_size=700, **albert, **own_rules),
    "char": train("char", vocab_size=200, model_type="char", add_dummy_prefix=False, **own_rules),
}


rules_file.unlink()


class Merges:
    """What SpmConverter asks of its extractor; the one of transformers 5.24.0 takes other arguments than it gives."""

    def __init__(self, file):
        self.processor = sentencepiece.SentencePieceProcessor(model_file=file)

    def extract(self, vocab_scores):
        return None, generate_merges({piece: i for i, (piece, _) in enumerate(vocab_scores)})


convert_slow_tokenizer.SpmConverter.SpmExtractor = Merges


class Slow:
    """What a converter asks of a tokenizer."""

    def __init__(self, file, **attributes):
        self.vocab_file = str(file)
        self.__dict__.update(attributes)

    def convert_ids_to_tokens(self, id):
        return sentencepiece.SentencePieceProcessor(model_file=self.vocab_file).id_to_piece(id)

    def convert_tokens_to_ids(self, token):
        return self.ids[token]


def converted(kind, name, **attributes):
    converter = getattr(convert_slow_tokenizer, f"{kind}Converter")
    return converter(Slow(out / f"{name}.model", **attributes)).converted()


def pieces_of(name):
    processor = trained[name]
    return {processor.id_to_piece(i): i for i in range(processor.get_piece_size())}


def case(name, config, encode, decode, witness):
    ids = [encode(text) for text in texts]
    decoded = [None if row is None else decode(row) for row in ids]
    return {"model": name, "config": config, "witness": witness, "ids": ids, "decoded": decoded}


def sentencepiece_case(name, processor):
    """Texts with a mark in them, which is no space to this library, and those that the Rust library's Precompiled
    normalizes in another way (it cuts clusters of few bytes short) are left out; so are texts of unknown pieces."""
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString((out / f"{name}.model").read_bytes())
    charsmap = model.normalizer_spec.precompiled_charsmap
    normalize = normalizers.Precompiled(charsmap).normalize_str if charsmap else str
    spaced = model.normalizer_spec.remove_extra_whitespaces
    shape = lambda text: re.sub(" +", " ", text.replace("▁", " ")).strip(" ") if spaced else ""

    def encode(text):
        same = "▁" not in text and shape(normalize(text)) == shape(processor.normalize(text))
        return list(processor.encode(text)) if same else None

    decode = lambda ids: None if processor.unk_id() in ids else processor.decode(ids)
    made = case(name, {}, encode, decode, "sentencepiece")
    print(f"{name}: {sum(row is None for row in made['ids'])} of {len(texts)} texts left out")
    return made


cases = [sentencepiece_case(name, processor) for name, processor in trained.items()]
for kind, name, config, attributes in [
    ("Llama", "llama", {"tokenizer_class": "LlamaTokenizer"}, {}),
    ("Llama", "llama", {"tokenizer_class": "LlamaTokenizerFast", "legacy": False}, {"legacy": False}),
    ("T5", "t5", {"tokenizer_class": "T5Tokenizer"}, {"_extra_ids": 100, "ids": pieces_of("t5")}),
    ("XLMRoberta", "unigram", {"tokenizer_class": "XLMRobertaTokenizer"}, {"ids": {"<s>": 0, "</s>": 2}}),
    ("XLMRoberta", "unigram-bytes", {"tokenizer_class": "XLMRobertaTokenizer"}, {"ids": {"<s>": 0, "</s>": 2}}),
    ("Camembert", "unigram", {"tokenizer_class": "CamembertTokenizer"}, {"ids": {"<s>": 5, "</s>": 6}}),
]:
    tokenizer = converted(kind, name, **attributes)
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    cases.append(case(name, config, encode, lambda ids: tokenizer.decode(ids, skip_special_tokens=False), f"{kind}Converter"))


def llama2c(path):
    """The encoder of llama2.c's run.c: characters, else bytes; the pair that makes the token of the best score first."""
    file = path.read_bytes()
    tokens, at = [], 4
    while at < len(file):
        score, size = struct.unpack_from("<fi", file, at)
        tokens.append((file[at + 8 : at + 8 + size], score))
        at += 8 + size
    ids = {token: i for i, (token, _) in enumerate(tokens)}

    def encode(text):
        found = [ids[b" "]] if text else []
        for character in text:
            raw = character.encode()
            found += [ids[raw]] if raw in ids else [byte + 3 for byte in raw]
        while True:
            best = None
            for i in range(len(found) - 1):
                made = ids.get(tokens[found[i]][0] + tokens[found[i + 1]][0])
                if made is not None and (best is None or tokens[made][1] > tokens[best[1]][1]):
                    best = (i, made)
            if best is None:
                return found
            found[best[0] : best[0] + 2] = [best[1]]

    def decode(found):
        raw = b""
        for i, token in enumerate(found):
            raw += bytes([token - 3]) if 3 <= token < 259 else tokens[token][0]
        return raw.decode(errors="replace").removeprefix(" ")

    return encode, decode


def sentencepiece_of(path):
    """The SentencePiece model that a vocabulary of llama2.c was exported from, as far as it tells."""
    file = path.read_bytes()
    model, at = sentencepiece_model_pb2.ModelProto(), 4
    while at < len(file):
        score, size = struct.unpack_from("<fi", file, at)
        piece = file[at + 8 : at + 8 + size].decode()
        id = len(model.pieces)
        kind = {0: 2, 1: 3, 2: 3}.get(id, 6 if id < 259 else 1)
        model.pieces.add(piece=piece.strip() if id < 3 else piece.replace(" ", "▁"), score=score, type=kind)
        at += 8 + size
    model.trainer_spec.model_type, model.trainer_spec.byte_fallback = 2, True
    model.trainer_spec.vocab_size = len(model.pieces)
    model.normalizer_spec.name, model.normalizer_spec.remove_extra_whitespaces = "identity", False
    return sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())


encode, decode = llama2c(shared / "stories260K" / "tok512.bin")
processor = sentencepiece_of(shared / "stories260K" / "tok512.bin")
assert all(processor.encode(text) == encode(text) for text in texts if "▁" not in text)
plain = [text for text in texts if "▁" not in text]
cases.append({"model": "stories260K/tok512.bin", "witness": "llama2.c", "texts": plain, "ids": [encode(t) for t in plain], "decoded": [decode(encode(t)) for t in plain]})
(out / "models.json").write_text(json.dumps({"texts": texts, "cases": cases}, ensure_ascii=False, separators=(",", ":")) + "\n")


# Folders as they come from the Hub. A file is text, or names another: model:NAME of goldens, shared:PATH of MODELS.
def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    names = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=names, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(corpus[:4000], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    vocab = dict(sorted({**model["vocab"], "<mask>": 700}.items(), key=lambda row: row[1]))
    merges = "#version: 0.2\n" + "".join(" ".join(pair) + "\n" for pair in model["merges"])
    return json.dumps(vocab, ensure_ascii=False), merges


vocab_json, merges_txt = byte_level()
(out / "byte-level-vocab.json").write_text(vocab_json + "\n")
(out / "byte-level-merges.txt").write_text(merges_txt)


def clip():
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    words = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""
    split = pre_tokenizers.Split(Regex(words), "removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.normalizer = normalizers.Lowercase()
    # The trainer gives ids to characters in the order of a hash table, but not to special tokens.
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    first = ["<|startoftext|>", "<|endoftext|>", *alphabet, *[character + "</w>" for character in alphabet]]
    trainer = trainers.BpeTrainer(vocab_size=1100, end_of_word_suffix="</w>", special_tokens=first, show_progress=False)
    tokenizer.train_from_iterator(corpus[:4000], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    vocab = dict(sorted(model["vocab"].items(), key=lambda row: row[1]))
    return json.dumps(vocab, ensure_ascii=False), "#version: 0.2\n" + "".join(" ".join(pair) + "\n" for pair in model["merges"])


clip_vocab, clip_merges = clip()
(out / "clip-vocab.json").write_text(clip_vocab + "\n")
(out / "clip-merges.txt").write_text(clip_merges)
lines = (shared / "bert-uncased-tokenizer" / "vocab.txt").read_text().split("\n")
letters = [line for line in lines if len(line.removeprefix("##")) == 1 and line.isascii()]
words = ["<s>", "<pad>", "</s>", "[UNK]", *letters, *[line for line in lines[1996:2600] if line not in letters], "<mask>"]
(out / "mpnet-vocab.txt").write_text("".join(word + "\n" for word in words))
deberta_vocab = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[PAD]": 3, "[MASK]": 4}
for name, _ in sorted(json.loads(vocab_json).items(), key=lambda row: row[1])[4:700]:
    deberta_vocab[name] = len(deberta_vocab)
bert = {"vocab.txt": "shared:bert-uncased-tokenizer/vocab.txt"}
gpt2 = {"vocab.json": "shared:gpt2-tokenizer/vocab.json", "merges.txt": "shared:gpt2-tokenizer/merges.txt"}
small = {"vocab.json": "golden:byte-level-vocab.json", "merges.txt": "golden:byte-level-merges.txt"}
token = lambda content, **flags: {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True, **flags}
plain_map = lambda content, **flags: {key: value for key, value in token(content, **flags).items() if key != "special"}
saved = lambda content: {"__type": "AddedToken", **plain_map(content, normalized=True)}
folders = [
    ("bert", bert, {"tokenizer_class": "BertTokenizer", "clean_up_tokenization_spaces": True}, {}),
    ("bert, cased", bert, {"tokenizer_class": "BertTokenizer", "do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False, "model_max_length": 512}, {}),
    ("distilbert", bert, {"tokenizer_class": "DistilBertTokenizer", "do_lower_case": True, "strip_accents": False, "truncation_side": "left", "padding_side": "left"}, {}),
    ("mobilebert", bert, {"tokenizer_class": "MobileBertTokenizer", "do_lower_case": True, "unk_token": "[UNK]"}, {"special_tokens_map.json": {"unk_token": "[UNK]", "mask_token": "[MASK]", "sep_token": "[SEP]", "cls_token": "[CLS]", "pad_token": "[PAD]"}}),
    ("bert, added tokens", bert, {"tokenizer_class": "BertTokenizer"}, {"added_tokens.json": {"<sep>": 30523, "<br />": 30522, "FooBar": 30524}, "special_tokens_map.json": {"additional_special_tokens": ["<sep>"], "mask_token": plain_map("[MASK]", lstrip=True)}}),
    ("bert, added_tokens_decoder", bert, {"tokenizer_class": "BertTokenizer", "additional_special_tokens": ["<sep>"], "added_tokens_decoder": {"0": token("[PAD]"), "100": token("[UNK]"), "101": token("[CLS]"), "102": token("[SEP]"), "103": token("[MASK]"), "30522": token("<br />", special=False, normalized=True), "30523": token("<sep>")}}, {}),
    ("gpt2", gpt2, {"tokenizer_class": "GPT2Tokenizer", "model_max_length": 1024, "clean_up_tokenization_spaces": True}, {}),
    ("gpt2, spaced, padded", gpt2, {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True, "pad_token": "[PAD]", "additional_special_tokens": ["<sep>", "<cls>"]}, {}),
    ("gpt2, begin", gpt2, {"tokenizer_class": "GPT2TokenizerFast", "add_bos_token": True, "bos_token": "<|endoftext|>"}, {}),
    ("opt", small, {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "add_prefix_space": False, "errors": "replace", "bos_token": saved("</s>"), "eos_token": saved("</s>"), "unk_token": saved("</s>"), "pad_token": saved("<pad>")}, {}),
    ("roberta", small, {"tokenizer_class": "RobertaTokenizer"}, {"special_tokens_map.json": {"mask_token": plain_map("<mask>", lstrip=True)}}),
    ("roberta, spaced", small, {"tokenizer_class": "RobertaTokenizerFast", "add_prefix_space": True}, {"added_tokens.json": {"<x>": 701}}),
    ("deberta", {"merges.txt": "golden:byte-level-merges.txt"}, {"tokenizer_class": "DebertaTokenizer"}, {"vocab.json": deberta_vocab}),
    ("qwen2", small, {"tokenizer_class": "Qwen2Tokenizer", "additional_special_tokens": ["<|im_start|>", "<|im_end|>"]}, {}),
    ("clip", {"vocab.json": "golden:clip-vocab.json", "merges.txt": "golden:clip-merges.txt"}, {"tokenizer_class": "CLIPTokenizer"}, {}),
    ("mpnet", {"vocab.txt": "golden:mpnet-vocab.txt"}, {"tokenizer_class": "MPNetTokenizer"}, {}),
    ("llama", {"tokenizer.model": "golden:llama.model"}, {"tokenizer_class": "LlamaTokenizer", "legacy": False, "add_bos_token": True, "add_eos_token": True, "added_tokens_decoder": {"0": token("<unk>"), "1": token("<s>"), "2": token("</s>"), "900": token("<sep>"), "901": token("<x>", special=False)}}, {}),
    ("llama, no begin", {"tokenizer.model": "golden:llama.model"}, {"tokenizer_class": "LlamaTokenizer", "legacy": False, "add_bos_token": False, "unk_token": "<unk>", "pad_token": "<pad>"}, {}),
    ("t5", {"spiece.model": "golden:t5.model"}, {"tokenizer_class": "T5Tokenizer", "clean_up_tokenization_spaces": True}, {}),
    ("xlm-roberta", {"sentencepiece.bpe.model": "golden:unigram.model"}, {"tokenizer_class": "XLMRobertaTokenizer"}, {}),
    ("camembert", {"sentencepiece.bpe.model": "golden:unigram.model"}, {"tokenizer_class": "CamembertTokenizer"}, {}),
    ("albert", {"spiece.model": "golden:albert.model"}, {"tokenizer_class": "AlbertTokenizer"}, {}),
    ("albert, accents", {"spiece.model": "golden:albert.model"}, {"tokenizer_class": "AlbertTokenizer", "do_lower_case": False, "keep_accents": True}, {}),
    ("sentencepiece", {"tokenizer.model": "golden:bpe.model"}, {"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": True, "model_max_length": 128}, {}),
]
by_converter = {"T5Tokenizer", "XLMRobertaTokenizer", "CamembertTokenizer"}
pairs = [("a question?", "An answer."), ("", "x"), ("日本語", "two  spaces")]
made = []
for name, files, config, more in folders:
    folder = pathlib.Path(tempfile.mkdtemp())
    for file, source in files.items():
        kind, path = source.split(":")
        shutil.copy(shared / path if kind == "shared" else out / path, folder / file)
    written = {"tokenizer_config.json": config, **more}
    for file, content in written.items():
        (folder / file).write_text(json.dumps(content))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    probes = texts[::2] + with_tokens
    pair = [tokenizer(a, b, return_token_type_ids=True) for a, b in pairs]
    roles = {role: getattr(tokenizer, f"{role}_token_id") for role in ["bos", "eos", "unk", "sep", "pad", "cls", "mask"]}
    made.append({
        "name": name,
        "files": files,
        "written": written,
        "size": len(tokenizer),
        "special": sorted(tokenizer.all_special_ids),
        "roles": {role: id for role, id in roles.items() if id is not None},
        # Their converters, which this library follows there, take a mark behind a space for a space as SentencePiece does.
        "ids": [None if "▁" in text and config["tokenizer_class"] in by_converter else tokenizer(text)["input_ids"] for text in probes],
        "pairs": [{"ids": row["input_ids"], "typeIds": row["token_type_ids"]} for row in pair],
        "decoded": [tokenizer.decode(tokenizer(text)["input_ids"]) for text in probes],
    })
    print(f"{name}: {type(tokenizer).__name__}, {len(tokenizer)} tokens")
content = {"texts": texts[::2] + with_tokens, "pairs": pairs, "folders": made}
(out / "folders.json").write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
