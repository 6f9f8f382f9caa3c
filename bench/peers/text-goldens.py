"""Makes the goldens of packages/text: python bench/peers/text-goldens.py

Needs tokenizers, scikit-learn and scipy. `tokenizer.json` in the goldens folder is made by the TypeScript trainer
(bench/peers/text-tokenizer.mjs) and encoded here by Hugging Face's Rust library.
"""

import json
import pathlib
import random

import numpy as np
from scipy.stats import binomtest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support
from sklearn.naive_bayes import MultinomialNB
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

goldens = pathlib.Path(__file__).resolve().parents[2] / "packages" / "text" / "goldens"
random.seed(7)


def write(name, value):
    text = json.dumps(value, ensure_ascii=True, indent=None, separators=(",", ":"))
    (goldens / name).write_text(text + "\n")


def encodings():
    tokenizer = Tokenizer.from_file(str(goldens / "tokenizer" / "tokenizer.json"))
    corpus = json.loads((goldens / "corpus.json").read_text())
    alphabet = "abc XYZ 019 .,;!?'\"-_()[]{}<>@#$%&*+=/\\|~^` \t\n\r\u00a0\u2003\u200b\u00e9\u00c9\u0130\u0131\u00df\u0301\u0327\u4e2d\u6587\u3042\uac00\u0e01\U0001f600\ufffd\u0000\u0007\u2019\u2014\u00ab\u00a7\u00ad\ufeff\u1e9e\u01c5\u0390"
    texts = corpus[:20] + [
        "",
        " ",
        "[CLS] literal [SEP] and [MASK][PAD]",
        "un[unk] [UNK]",
        "a" * 99 + " " + "b" * 100 + " " + "c" * 101,
        "caf\u00e9 CAFE\u0301 \u0130stanbul stra\u00dfe",
        "\u4e2d\u6587\u5b57 mixed\u4e2dtext",
        "don't stop-now... $5.00 (50% off!)",
        "\U0001f600 emoji \U0001f468\u200d\U0001f469",
    ]
    for _ in range(300):
        texts.append("".join(random.choice(alphabet) for _ in range(random.randint(1, 80))))
    rows = []
    for text in texts:
        tokenizer.no_truncation()
        ids = tokenizer.encode(text).ids
        tokenizer.enable_truncation(16)
        rows.append({"text": text, "ids": ids, "cut": tokenizer.encode(text).ids})
    write("encodings.json", rows)


def vocabulary():
    corpus = json.loads((goldens / "corpus.json").read_text())
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=500, min_frequency=2, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    write("vocabulary.json", sorted(tokenizer.get_vocab()))


def metrics():
    labels = ["a", "b", "c"]
    cases = []
    for size, classes in [(1, 1), (10, 2), (40, 3), (200, 3), (50, 2)]:
        expected = [random.randrange(classes) for _ in range(size)]
        predicted = [e if random.random() < 0.7 else random.randrange(3) for e in expected]
        ids = [0, 1, 2]
        p, r, f, s = precision_recall_fscore_support(expected, predicted, labels=ids, zero_division=0)
        cases.append(
            {
                "predicted": predicted,
                "expected": expected,
                "accuracy": accuracy_score(expected, predicted),
                "macroF1": f1_score(expected, predicted, average="macro", zero_division=0),
                "precision": list(p),
                "recall": list(r),
                "f1": list(f),
                "support": [int(x) for x in s],
                "confusion": confusion_matrix(expected, predicted, labels=ids).tolist(),
            }
        )
    tests = []
    for a, b in [(0, 0), (0, 1), (3, 9), (12, 13), (5, 5), (0, 30), (40, 61), (200, 300), (1000, 1010), (2, 900)]:
        p = 1.0 if a + b == 0 else binomtest(min(a, b), a + b, 0.5).pvalue
        tests.append({"aOnly": a, "bOnly": b, "pValue": p})
    write("metrics.json", {"labels": labels, "classification": cases, "mcnemar": tests})


def naive_bayes():
    words = "free money offer meeting linux kernel patch click here now report caf\u00e9 na\u00efve 2002 under_score list".split()
    train, test = [], []
    for i in range(60):
        label = random.choice(["ham", "ham", "spam"])
        weights = [3 if (label == "spam") == (j % 2 == 0) else 1 for j in range(len(words))]
        train.append({"id": str(i), "label": label, "text": " ".join(random.choices(words, weights, k=random.randint(1, 12)))})
    for i in range(30):
        test.append(", ".join(random.choices(words + ["unseen", "X"], k=random.randint(0, 10))))
    vectorizer = CountVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\w+")
    x = vectorizer.fit_transform([row["text"] for row in train])
    model = MultinomialNB(alpha=1.0).fit(x, [row["label"] for row in train])
    y = vectorizer.transform(test)

    def variant(options):
        kept = np.asarray((x > 0).sum(axis=0)).ravel() >= options.get("minimumTexts", 1)
        counted = [(m > 0).astype(int) if options.get("counts") == "presence" else m for m in (x[:, kept], y[:, kept])]
        other = MultinomialNB(alpha=options.get("smoothing", 1.0)).fit(counted[0], [row["label"] for row in train])
        return {"options": options, "logJoint": other.predict_joint_log_proba(counted[1]).tolist()}

    write(
        "naive-bayes.json",
        {
            "train": train,
            "test": test,
            "features": len(vectorizer.vocabulary_),
            "logJoint": model.predict_joint_log_proba(y).tolist(),
            "scores": model.predict_proba(y).tolist(),
            "labels": list(model.classes_),
            "variants": [variant({"smoothing": 0.05}), variant({"counts": "presence", "smoothing": 0.2}), variant({"minimumTexts": 3})],
        },
    )


np.random.seed(7)
encodings()
vocabulary()
metrics()
naive_bayes()
