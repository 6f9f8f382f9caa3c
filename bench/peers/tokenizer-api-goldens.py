"""What the tokenizers library decodes and how it puts texts together: packages/text/goldens/decoders.json and encode-options.json.

    pip install tokenizers==0.23.3 && python bench/peers/tokenizer-api-goldens.py
"""

import json
import pathlib
import random

from tokenizers import Tokenizer

folder = pathlib.Path(__file__).resolve().parents[2] / "packages" / "text" / "goldens"
random.seed(11)


def write(name, value):
    (folder / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


tokens = [
    "<unk>", "</s>", "[SEP]", "▁he", "llo", "▁", "▁▁a", "▁a▁", "##ing", "##", "##.", "Ġwor", "ld", "Ġ", "ĠĠ", "Ċ",
    "<0xE2>", "<0x82>", "<0xAC>", "<0xff>", "<0x41>", "<0x0A>", "<0x4G>", ".", "!", "?", ",", "'", "'s", " 's", "n't",
    " do not", "</w>", "lo</w>", "a</w>b", "|", "<pad>", "é", "Ã", "©", "ð", "Ł", "ĺ", "Ģ", "â", "Ĥ", "¬", "ï", "»",
    "¿", "😀", " a ", "aa", "a", "aaa", "  ", " ", "\u0301", "中", "Âł", "日",
]
strip = lambda content, start, stop: {"type": "Strip", "content": content, "start": start, "stop": stop}
replace = lambda kind, pattern, content: {"type": "Replace", "pattern": {kind: pattern}, "content": content}
chain = lambda *parts: {"type": "Sequence", "decoders": list(parts)}
metaspace = lambda scheme: {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": True}
byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
decoders = [
    None,
    byte_level,
    {"type": "WordPiece", "prefix": "##", "cleanup": True},
    {"type": "WordPiece", "prefix": "##", "cleanup": False},
    {"type": "WordPiece", "prefix": "a", "cleanup": True},
    metaspace("always"),
    metaspace("first"),
    metaspace("never"),
    {"type": "BPEDecoder", "suffix": "</w>"},
    {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True},
    {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": False},
    {"type": "ByteFallback"},
    {"type": "Fuse"},
    replace("String", "▁", " "),
    replace("String", "a", "bb"),
    replace("Regex", "[a-z]+", "x"),
    chain(replace("String", "▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"}, strip(" ", 1, 0)),
    chain(replace("String", "▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"}),
    chain({"type": "ByteFallback"}, metaspace("always")),
    chain(metaspace("never"), {"type": "Fuse"}, strip(" ", 2, 1)),
    chain({"type": "Fuse"}, replace("String", "aa", "b")),
    chain(byte_level, strip("a", 1, 0)),
    chain({"type": "Fuse"}, {"type": "WordPiece", "prefix": "##", "cleanup": True}),
    chain({"type": "ByteFallback"}, byte_level),
    chain({"type": "WordPiece", "prefix": "##", "cleanup": True}, {"type": "Fuse"}, strip(" ", 0, 1)),
]


def description(decoder):
    return {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "pre_tokenizer": None,
        "post_processor": None, "decoder": decoder,
        "added_tokens": [
            {"id": id, "content": tokens[id], "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": id != 2}
            for id in range(3)
        ],
        "model": {"type": "Unigram", "unk_id": 0, "vocab": [[token, -1.0 - i / 100] for i, token in enumerate(tokens)],
                  "byte_fallback": False},
    }


def decoded(made, ids, skip=True):
    """None where the library itself fails (Strip reaches before the start of a short token)."""
    try:
        return made.decode(ids, skip_special_tokens=skip)
    except BaseException:
        return None


def decoding():
    groups = [range(len(tokens)), range(3, 8), range(16, 23), range(36, 50), range(50, 57)]
    sequences = [[]]
    while len(sequences) < 60:
        sequences.append([])
        for _ in range(random.randint(1, 4)):
            sequences[-1] += random.choices(random.choice(groups), k=random.randint(1, 4))
    sequences += [[1000, 3, 4, 999], [1, 1], [50, 52, 51]]
    rows = []
    for decoder in decoders:
        made = Tokenizer.from_str(json.dumps(description(decoder)))
        rows.append({
            "decoder": decoder,
            "texts": [decoded(made, ids) for ids in sequences],
            "whole": [decoded(made, ids, False) for ids in sequences[:20]],
        })
    write("decoders.json", {"description": description(None), "sequences": sequences, "rows": rows})


special = {name: {"id": name, "ids": [id], "tokens": [name]} for id, name in enumerate(["<s>", "</s>"])}
text = lambda id, type_id: {"Sequence": {"id": id, "type_id": type_id}}
token = lambda id, type_id: {"SpecialToken": {"id": id, "type_id": type_id}}
template = lambda single, pair: {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special}
post_processors = {
    "none": None,
    "gpt2": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
    "bert": {"type": "BertProcessing", "cls": ["<s>", 0], "sep": ["</s>", 1]},
    "roberta": {"type": "RobertaProcessing", "cls": ["<s>", 0], "sep": ["</s>", 1], "trim_offsets": False,
                "add_prefix_space": False},
    "t5": template([text("A", 0), token("</s>", 0)], [text("A", 0), token("</s>", 0), text("B", 0), token("</s>", 0)]),
    "llama": template([token("<s>", 0), text("A", 0)], [token("<s>", 0), text("A", 0), token("<s>", 1), text("B", 1)]),
    "llama3": {"type": "Sequence", "processors": [
        {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
        template([token("<s>", 0), text("A", 0)], [token("<s>", 0), text("A", 0), token("<s>", 1), text("B", 1)]),
    ]},
    "turned": template([token("<s>", 3), text("A", 2), token("</s>", 1)],
                       [text("B", 4), token("</s>", 1), text("A", 2), token("</s>", 0), token("<s>", 7)]),
}


def options():
    letters = [chr(ord("a") + i) for i in range(26)]
    base = {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "decoder": None,
        "added_tokens": [
            {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True}
            for id, content in enumerate(["<s>", "</s>", "<unk>"])
        ],
        "model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": False, "fuse_unk": False, "dropout": None,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "vocab": {piece: id for id, piece in enumerate(["<s>", "</s>", "<unk>", *letters, "ab", "cd"])},
                  "merges": [["a", "b"], ["c", "d"]]},
    }
    texts = lambda: " ".join("".join(random.choices(letters, k=random.randint(1, 5))) for _ in range(random.randint(1, 6)))
    rows = []
    for name, processor in post_processors.items():
        made = Tokenizer.from_str(json.dumps({**base, "post_processor": processor}))
        for _ in range(22):
            first, second = texts(), random.choice([None, texts(), texts()])
            add = random.random() < 0.8
            made.no_truncation()
            row = {"kind": name, "text": first, "pair": second, "add": add, "room": None}
            if random.random() < 0.85:
                row["room"] = random.randint(4, 14)
                row["strategy"] = random.choice(["longest_first", "only_first", "only_second"])
                row["side"] = random.choice(["left", "right"])
                row["stride"] = random.randint(0, 2)
                made.enable_truncation(row["room"], strategy=row["strategy"], direction=row["side"], stride=row["stride"])
            try:
                encoding = made.encode(first, second, add_special_tokens=add)
            except BaseException as error:
                if random.random() < 0.5:
                    rows.append({**row, "error": str(error)[:30]})
                continue
            windows = [encoding, *encoding.overflowing]
            # Of a pair with both texts cut the library pairs all parts with all; only the first is compared.
            if row["room"] and second is not None and row["strategy"] == "longest_first":
                windows = windows[:1]
            row["windows"] = [
                {"ids": w.ids, "types": w.type_ids, "special": "".join(map(str, w.special_tokens_mask)),
                 "sequences": [-1 if s is None else s for s in w.sequence_ids], "offsets": [n for o in w.offsets for n in o]}
                for w in windows
            ]
            rows.append(row)
    write("encode-options.json", {"description": {**base, "post_processor": None}, "processors": post_processors, "rows": rows})


decoding()
options()
