"""What scipy says of samples, a line of JSON for each line of JSON on standard input. ScipyTests.swift compares.

p-values are scipy's exact ones; where values are tied, those of scipy's permutation test of the midranks, which goes through all
arrangements. The interval is found by asking the test for every shift that makes a difference to it.
"""
import itertools
import json
import sys

import numpy as np
from scipy import stats


def p_pairs(d, alternative):
    d = d[d != 0]
    if len(d) == 0:
        return 1.0
    if len(np.unique(np.abs(d))) == len(d):
        return stats.wilcoxon(d, method="exact", alternative=alternative).pvalue
    signed = stats.rankdata(np.abs(d)) * np.sign(d)
    return stats.permutation_test((signed,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative=alternative, vectorized=False).pvalue


def p_sides(a, b, alternative):
    if len(np.unique(np.concatenate([a, b]))) == len(a) + len(b):
        return stats.mannwhitneyu(b, a, method="exact", alternative=alternative).pvalue
    ranks = stats.rankdata(np.concatenate([b, a]))
    data = (ranks[: len(b)], ranks[len(b) :])
    return stats.permutation_test(data, lambda x, y: np.sum(x), n_resamples=np.inf, alternative=alternative, vectorized=False).pvalue


def shifts(case):
    if "d" in case:
        d = case["d"]
        return sorted((d[i] + d[j]) / 2 for i in range(len(d)) for j in range(i, len(d)))
    return sorted(y - x for x in case["a"] for y in case["b"])


def p(case, shift, alternative):
    if "d" in case:
        return p_pairs(np.array(case["d"]) - shift, alternative)
    return p_sides(np.array(case["a"]), np.array(case["b"]) - shift, alternative)


def interval(case):
    """All shifts that the test does not reject; between two that follow each other it says the same."""
    ends = shifts(case)
    # p grows up to the middle: the first that is not rejected is found by halving.
    def rejected(place):
        middle = ends[0] - 1 if place == 0 else (ends[place - 1] + ends[place]) / 2
        return p(case, middle, "two-sided")
    if rejected(0) > case["level"]:
        return None
    low, high = 0, len(ends) // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if rejected(middle) <= case["level"] else (low, middle)
    return {"lower": ends[low], "upper": ends[-1 - low], "coverage": 1 - rejected(low)}


def bounded(values):
    most = 3 * np.median(np.abs(values))
    return np.clip(values, -most, most) if most > 0 else values


def step_down(metrics):
    """Westfall and Young's maxT by its definition, with Student's t."""
    def t(values):
        with np.errstate(divide="ignore", invalid="ignore"):
            return abs(np.mean(values)) / np.std(values, ddof=1)

    def t2(b, a):
        with np.errstate(divide="ignore", invalid="ignore"):
            return stats.ttest_ind(b, a).statistic.__abs__()

    tables = []
    if "d" in metrics[0]:
        n = len(metrics[0]["d"])
        signs = np.array(list(itertools.product([1, -1], repeat=n)))
        for metric in metrics:
            d = bounded(np.array(metric["d"]))
            tables.append([t(d * s) for s in signs])
    else:
        na, nb = len(metrics[0]["a"]), len(metrics[0]["b"])
        choices = list(itertools.combinations(range(na + nb), nb))
        for metric in metrics:
            values = np.array(metric["b"] + metric["a"])
            values = bounded(values - np.median(values))
            tables.append([t2(values[list(c)], np.delete(values, c)) for c in choices])
    # Without any difference there is no t, which shows nothing.
    table = np.nan_to_num(np.array(tables), nan=0.0, posinf=np.inf)
    observed = table[:, 0]
    order = np.argsort(-observed)
    result, largest = [0.0] * len(metrics), 0.0
    for place, metric in enumerate(order):
        most = table[order[place:]].max(axis=0)
        largest = max(largest, float(np.mean(most >= observed[metric] * (1 - 1e-7))))
        result[metric] = largest
    return result


def holm(values):
    """By its definition, one comparison at a time."""
    ranked = sorted(values)
    steps = [min(1.0, (len(values) - place) * value) for place, value in enumerate(ranked)]
    return [max(steps[: ranked.index(value) + 1]) for value in values]


for line in sys.stdin:
    case = json.loads(line)
    if "metrics" in case:
        print(json.dumps({"family": step_down(case["metrics"])}))
        continue
    if "p" in case:
        print(json.dumps({"family": holm(case["p"])}))
        continue
    answer = {
        "shift": float(np.median(shifts(case))),
        "twoSided": p(case, 0, "two-sided"),
        "greater": p(case, 0, "greater"),
        "less": p(case, 0, "less"),
        "interval": interval(case) if case["isUntied"] else None,
    }
    print(json.dumps(answer))
