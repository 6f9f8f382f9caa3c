"""Classes of characters as the Rust `tokenizers` library (PyPI) has them, asked one code point at a time.

python bench/peers/tokenizer-classes.py | node bench/peers/tokenizer-classes.mjs writes
packages/text/src/tokenizer/character-classes.ts. The library's parts rest on different versions of Unicode.
"""

import json

from tokenizers import Regex, normalizers, pre_tokenizers

points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def matching(pattern):
    """Code points the library's regular expressions match."""
    split = pre_tokenizers.Split(Regex(f"[^{pattern}]+"), "removed")
    return [ord(c) for piece, _ in split.pre_tokenize_str("".join(map(chr, points))) for c in piece]


def splitting(pre_tokenizer):
    return [c for c in points if len(pre_tokenizer.pre_tokenize_str("a" + chr(c) + "a")) == 3]


def removed(normalizer):
    return [c for c in points if normalizer.normalize_str("a" + chr(c) + "a") == "aa"]


clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
strip = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
whitespace = pre_tokenizers.Whitespace()
forms = {name: getattr(normalizers, name)() for name in ["NFD", "NFC", "NFKD", "NFKC"]}
nfd = forms["NFD"].normalize_str


def reorders(c):
    """Whether the library knows a combining class of the character."""
    return any(nfd(text) != text for text in ("a" + nfd(chr(c)) + "\u0334", "a\u0301" + nfd(chr(c))))


classes = {
    "L": matching("\\p{L}"),
    "N": matching("\\p{N}"),
    "Nd": matching("\\p{Nd}"),
    "M": matching("\\p{M}"),
    "Lu": matching("\\p{Lu}"),
    "Ll": matching("\\p{Ll}"),
    "Lt": matching("\\p{Lt}"),
    "Lm": matching("\\p{Lm}"),
    "Lo": matching("\\p{Lo}"),
    "P": matching("\\p{P}"),
    "S": matching("\\p{S}"),
    "Han": matching("\\p{Han}"),
    "word": matching("\\w"),
    "rustWord": [c for c in points if len(whitespace.pre_tokenize_str("a" + chr(c))) == 1 and not chr(c).isspace()],
    "bertPunctuation": splitting(pre_tokenizers.BertPreTokenizer()),
    "bertRemoved": removed(clean),
    "bertMark": removed(strip),
    "accent": removed(normalizers.StripAccents()),
    "normalizing": [c for c in points if any(f.normalize_str(chr(c)) != chr(c) for f in forms.values())],
    "combining": [c for c in points if reorders(c)],
}
print(json.dumps(classes))
