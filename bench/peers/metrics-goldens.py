"""Makes the goldens of packages/text/src/metrics: python bench/peers/metrics-goldens.py

Random and edge cases with what scikit-learn, SciPy and statsmodels say of them; NaN is written as null,
infinity as a string.
"""

import json
import math
import pathlib
import re
import string
import warnings
from collections import Counter

import numpy as np
from scipy.stats import pearsonr, spearmanr
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve
from statsmodels.stats.multitest import multipletests

warnings.simplefilter("ignore")
rng = np.random.default_rng(6)
out = pathlib.Path(__file__).resolve().parents[2] / "packages" / "text" / "goldens" / "metrics-scores.json"


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return None if isinstance(value, float) and math.isnan(value) else value


def classes_case(predicted, expected, classes, zero):
    def scores(average, labels=None):
        return sk.precision_recall_fscore_support(
            expected, predicted, average=average, labels=labels, zero_division=zero
        )[:3]

    every = list(range(classes))
    return {
        "predicted": predicted,
        "expected": expected,
        "classes": classes,
        "zeroDivision": zero,
        "perClass": scores(None, every),
        "micro": scores("micro"),
        "macro": scores("macro"),
        "weighted": scores("weighted"),
        "macroAll": scores("macro", every),
        "weightedAll": scores("weighted", every),
        "accuracy": sk.accuracy_score(expected, predicted),
        "balanced": sk.balanced_accuracy_score(expected, predicted),
        "adjusted": sk.balanced_accuracy_score(expected, predicted, adjusted=True),
        "mcc": sk.matthews_corrcoef(expected, predicted),
    }


def class_cases():
    zeros = [0.0, 1.0, math.nan]
    fixed = [([0], [0], 2), ([0], [1], 2), ([1, 1, 1], [1, 1, 1], 3), ([0, 0, 0], [1, 1, 1], 2), ([2, 0], [0, 2], 4)]
    cases = [classes_case(p, e, c, zero) for p, e, c in fixed for zero in zeros]
    for i in range(30):
        classes = int(rng.integers(2, 6))
        rows = int(rng.integers(1, 30))
        expected = rng.integers(0, classes, rows)
        noise = rng.integers(0, classes, rows)
        predicted = np.where(rng.random(rows) < 0.5, expected, noise)
        cases.append(classes_case(predicted, expected, classes, zeros[i % 3]))
    return cases


def ranking_cases():
    fixed = [([0.5], [1]), ([0.5], [0]), ([0.1, 0.2], [0, 0]), ([0.1, 0.2], [1, 1]), ([0.3, 0.3, 0.3], [0, 1, 1])]
    for i in range(35):
        rows = int(rng.integers(2, 40))
        digits = 1 if i % 2 else 3
        fixed.append((np.round(rng.normal(size=rows), digits), (rng.random(rows) < rng.random()).astype(int)))
    return [
        {
            "scores": scores,
            "positive": positive,
            "rocAuc": sk.roc_auc_score(positive, scores),
            "averagePrecision": sk.average_precision_score(positive, scores),
        }
        for scores, positive in fixed
    ]


def probability_case(sixtyfourths, expected):
    scores = np.array(sixtyfourths) / 64
    classes = scores.shape[1]
    every = list(range(classes))
    binary = classes == 2
    case = {
        "sixtyfourths": sixtyfourths,
        "expected": expected,
        "logLoss": sk.log_loss(expected, scores, labels=every),
        "brier": sk.brier_score_loss(expected, scores[:, 1], pos_label=1)
        if binary
        else sk.brier_score_loss(expected, scores, labels=every),
    }
    if not binary:
        onehot = np.eye(classes, dtype=int)[np.array(expected)]
        for average in ("macro", "weighted"):
            case[f"rocAuc-{average}"] = sk.roc_auc_score(
                expected, scores, multi_class="ovr", average=average, labels=every
            )
            case[f"averagePrecision-{average}"] = sk.average_precision_score(onehot, scores, average=average)
        case["topK"] = [sk.top_k_accuracy_score(expected, scores, k=k, labels=every) for k in range(1, classes + 1)]
    return case


def probability_cases():
    cases = [probability_case([[64, 0], [0, 64]], [1, 1]), probability_case([[64, 0, 0]], [0])]
    for _ in range(32):
        rows = int(rng.integers(2, 14))
        classes = int(rng.integers(2, 5))
        parts = rng.multinomial(64, rng.dirichlet(np.ones(classes)), size=rows)
        cases.append(probability_case(parts, rng.integers(0, classes, rows)))
    return cases


def calibration_cases():
    cases = []
    for i in range(24):
        rows = int(rng.integers(1, 40))
        bins = int(rng.integers(1, 13))
        by = ("width", "mass")[i % 2]
        confidences = np.round(rng.random(rows), 1 + i % 3)
        correct = (rng.random(rows) < confidences).astype(int)
        strategy = {"width": "uniform", "mass": "quantile"}[by]
        accuracy, confidence = calibration_curve(correct, confidences, n_bins=bins, strategy=strategy, pos_label=1)
        cases.append(
            {
                "confidences": confidences,
                "correct": correct,
                "bins": bins,
                "by": by,
                "accuracy": accuracy,
                "confidence": confidence,
            }
        )
    return cases


def multi_label_cases():
    cases = []
    for i in range(24):
        rows, labels = int(rng.integers(1, 10)), int(rng.integers(2, 6))
        expected = (rng.random((rows, labels)) < rng.random(labels)).astype(int)
        predicted = np.where(rng.random((rows, labels)) < 0.7, expected, rng.integers(0, 2, (rows, labels)))
        if i == 0:
            expected, predicted = expected * 0, predicted * 0
        zero = [0.0, 1.0, math.nan][i % 3]
        f1 = lambda average: sk.f1_score(expected, predicted, average=average, zero_division=zero)
        cases.append(
            {
                "predicted": predicted,
                "expected": expected,
                "zeroDivision": zero,
                "micro": f1("micro"),
                "macro": f1("macro"),
                "weighted": f1("weighted"),
                "samples": f1("samples"),
                "perLabel": f1(None),
                "exactMatch": sk.accuracy_score(expected, predicted),
                "hammingLoss": sk.hamming_loss(expected, predicted),
            }
        )
    return cases


def number_cases():
    pairs = [([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]), ([1.0, 2.0], [2.0, 2.0]), ([3.0, 3.0], [3.0, 3.0])]
    for i in range(24):
        rows = int(rng.integers(2, 25))
        expected = np.round(rng.normal(size=rows) * 10.0 ** rng.integers(-3, 4), i % 4)
        pairs.append((np.round(expected + rng.normal(size=rows), 2), expected))
    return [
        {
            "predicted": predicted,
            "expected": expected,
            "pearson": pearsonr(predicted, expected).statistic,
            "spearman": spearmanr(predicted, expected).statistic,
            "meanAbsoluteError": sk.mean_absolute_error(expected, predicted),
            "meanSquaredError": sk.mean_squared_error(expected, predicted),
            "r2": sk.r2_score(expected, predicted),
        }
        for predicted, expected in pairs
    ]


def answer_cases():
    def words(text):
        kept = "".join(c for c in text.lower() if c not in string.punctuation)
        return re.sub(r"\b(a|an|the)\b", " ", kept).split()

    pairs = [
        ("The Eiffel Tower", "eiffel tower!"),
        ("a cat, a dog", "the dog and cat"),
        ("", ""),
        ("the", ""),
        ("Paris", ""),
        ("42", "forty-two"),
        ("to be or not to be", "to be be"),
        ("Théâtre an der Wien", "theatre der wien"),
        ("in 1066.", "1066"),
        ("a-the-an", "athean"),
        ("über the Äther", "über Äther"),
    ]
    cases = []
    for predicted, reference in pairs:
        p, r = words(predicted), words(reference)
        shared = sum((Counter(p) & Counter(r)).values())
        f1 = float(p == r) if not p or not r else 2 * shared / (len(p) + len(r))
        cases.append({"predicted": predicted, "reference": reference, "exactMatch": p == r, "f1": f1})
    return cases


def holm_cases():
    lists = [[0.04], [0.01, 0.02, 0.03], [1.0, 0.5], [0.02, 0.02, 0.02, 0.9]]
    lists += [np.round(rng.random(int(rng.integers(2, 9))) ** 3, 4) for _ in range(8)]
    return [{"pValues": p, "adjusted": multipletests(p, method="holm")[1]} for p in lists]


goldens = {
    "classes": class_cases(),
    "ranking": ranking_cases(),
    "probabilities": probability_cases(),
    "calibration": calibration_cases(),
    "multiLabel": multi_label_cases(),
    "numbers": number_cases(),
    "answers": answer_cases(),
    "holm": holm_cases(),
}
text = json.dumps(plain(goldens), ensure_ascii=True, separators=(",", ":"))
out.write_text(text + "\n")
print(len(text), "bytes,", sum(map(len, goldens.values())), "cases")
