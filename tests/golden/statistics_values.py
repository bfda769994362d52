"""Computes the golden values of `crates/statistics` with scipy and numpy.

    python statistics_values.py > statistics.json

Values that are not finite are written as texts; the formulas leave them out and count them.
"""

import itertools
import json
import math

import numpy as np
from scipy import optimize, stats

NAN, INF = math.nan, math.inf
CONFIDENCE = 0.95

SAMPLES = {
    "one": [4.5],
    "none": [],
    "only-nan": [NAN, INF],
    "two": [1.0, 4.0],
    "ties": [2.0, 2.0, 2.0, 5.0],
    "equal": [3.25, 3.25, 3.25],
    "with-nan": [0.5, NAN, 0.75, -INF, 1.5],
    "small": [1e-9, 3e-9, 2.5e-9, 7e-9],
    "many": list(np.random.default_rng(1).normal(80, 7, 200)),
}

PAIRS = {
    "two-two": ([1.0, 2.0], [10.0, 20.0]),
    "unbalanced": ([3.1, 2.7, 4.4], [5.0, 5.5, 3.9, 6.1, 4.8]),
    "ties": ([1.0, 2.0, 2.0, 3.0], [2.0, 2.0, 3.0, 4.0]),
    "all-equal": ([1.5, 1.5], [1.5, 1.5, 1.5]),
    "one-one": ([1.0], [2.0]),
    "one-five": ([9.0], [1.0, 2.0, 3.0, 4.0, 5.0]),
    "near": ([80.1, 79.2, 84.0, 77.3, 81.9, 80.6], [82.0, 81.4, 83.9, 79.0, 85.2, 83.3]),
    "rounding": ([0.1, 0.2, 0.6], [0.3, 0.5, 0.1]),
}

DIFFERENCES = {
    "one": [1.0],
    "two": [5.0, 7.0],
    "six": [0.3, 0.8, 0.1, 1.2, 0.4, 0.9],
    "signs": [-0.5, 1.0, 2.0, -0.25, 3.0, 0.75, 1.5],
    "ties": [1.0, -1.0, 1.0, 1.0, -1.0],
    "zeros": [0.0, 0.0, 0.0],
    "rounding": [0.1, 0.2, -0.3],
}

P_VALUES = [
    [0.01, 0.04, 0.03, 0.005],
    [0.2],
    [0.03, 0.03, 0.03],
    [0.9, 0.001, 0.5, 0.02, 0.02, 1.0],
]


def finite(values):
    return [value for value in values if math.isfinite(value)]


def plain(value):
    """JSON has no NaN."""
    return value if value is not None and math.isfinite(value) else None


def texts(values):
    return [value if math.isfinite(value) else str(value) for value in values]


def sample(values):
    kept = np.array(finite(values))
    n = len(kept)
    deviation = kept.std(ddof=1) if n > 1 else None
    interval = None
    if n > 1:
        half = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * deviation / math.sqrt(n)
        interval = [kept.mean() - half, kept.mean() + half]
    return {
        "values": texts(values),
        "count": n,
        "excluded": len(values) - n,
        "mean": kept.mean() if n else None,
        "deviation": deviation,
        "interval": interval,
    }


def difference_of_means(a, b, axis=-1):
    return np.mean(a, axis=axis) - np.mean(b, axis=axis)


def two_sample(a, b):
    if min(len(a), len(b)) == 1:
        p = enumerated(a, b)
    else:
        test = stats.permutation_test((a, b), difference_of_means, permutation_type="independent", n_resamples=np.inf)
        p = test.pvalue
    welch = None
    if min(len(a), len(b)) > 1 and np.std(a) + np.std(b) > 0:
        interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval(CONFIDENCE)
        welch = [interval.low, interval.high]
    return {"a": a, "b": b, "p": min(p, 1.0), "welch": welch}


def enumerated(a, b):
    """scipy refuses samples of one value."""
    values = list(a) + list(b)
    chosen = [set(places) for places in itertools.combinations(range(len(values)), len(a))]
    split = lambda places: [[v for i, v in enumerate(values) if (i in places) == inside] for inside in (True, False)]
    null = np.array([difference_of_means(*split(places)) for places in chosen])
    observed = difference_of_means(a, b)
    return 2 * min(np.mean(null >= observed - 1e-12), np.mean(null <= observed + 1e-12))


def sign_flip(differences):
    if len(differences) == 1:
        return {"differences": differences, "p": 1.0}
    zeros = [0.0] * len(differences)
    test = stats.permutation_test(
        (differences, zeros), difference_of_means, permutation_type="samples", n_resamples=np.inf
    )
    return {"differences": differences, "p": min(test.pvalue, 1.0)}


def holm(p):
    """By the definition: a hypothesis is rejected at a level if it and all with smaller p-values are."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted = [0.0] * len(p)
    for place, test in enumerate(order):
        adjusted[test] = max(min(1.0, (len(p) - before) * p[order[before]]) for before in range(place + 1))
    return {"p": p, "adjusted": adjusted}


def distribution():
    quantiles = [[p, df, stats.t.ppf(p, df)] for p in [0.6, 0.95, 0.975, 0.9995] for df in [1, 2, 3, 4.7, 30, 1000]]
    noncentral = [
        [f, a, b, nc, stats.ncf.cdf(f, a, b, nc) if nc else stats.f.cdf(f, a, b)]
        for f in [0.3, 1.0, 4.0, 30.0]
        for a, b in [(1, 4), (3, 24), (5, 2)]
        for nc in [0, 0.5, 8, 60, 300]
    ]
    return {"student_quantiles": quantiles, "noncentral_f": noncentral}


def residual_squares(y, factors):
    """Of a linear model with an indicator column for each level of each factor."""
    columns = [np.ones(len(y))]
    columns += [(factor == level).astype(float) for factor in factors for level in np.unique(factor)]
    matrix = np.stack(columns, axis=1)
    rest = y - matrix @ np.linalg.lstsq(matrix, y, rcond=None)[0]
    return rest @ rest, np.linalg.matrix_rank(matrix)


def noncentrality(f, a, b, probability):
    """The one with which a value of at most `f` has that probability; 0 if it would be negative."""
    if stats.f.cdf(f, a, b) <= probability:
        return 0.0
    return optimize.brentq(lambda nc: stats.ncf.cdf(f, a, b, nc) - probability, 1e-9, 1e5, xtol=1e-10)


def variance(values, cells, factors):
    kept = np.isfinite(values)
    y, cells = np.array(values)[kept], np.array(cells)[kept]
    factors = [np.array(factor)[kept] for factor in factors]
    n = len(y)
    total = ((y - y.mean()) ** 2).sum()
    main, rank = residual_squares(y, factors)
    groups = [y[cells == cell] for cell in np.unique(cells)]
    seeds, df_seeds = sum(((group - group.mean()) ** 2).sum() for group in groups), n - len(groups)
    noise, df = (seeds, df_seeds) if df_seeds else (main, n - rank)
    mean_noise = noise / df
    shares, explained, used = [], 0.0, 0
    for factor in range(len(factors)):
        others, rank_of_others = residual_squares(y, factors[:factor] + factors[factor + 1 :])
        squares, a = others - main, rank - rank_of_others
        explained, used = explained + squares, used + a
        f = squares / a / mean_noise
        rest = (total - squares) / mean_noise + a
        bounds = [noncentrality(f, a, df, p) for p in [(1 + CONFIDENCE) / 2, (1 - CONFIDENCE) / 2]]
        shares.append({
            "share": min(max((squares - a * mean_noise) / total, 0.0), 1.0),
            "interval": [bound / (bound + rest) for bound in bounds],
            "freedom": int(a),
        })
    interactions = (total - noise - explained - (n - 1 - df - used) * mean_noise) / total if df_seeds else 0.0
    return {
        "values": texts(values),
        "cells": cells_of(kept, cells),
        "factors": [cells_of(kept, factor) for factor in factors],
        "shares": shares,
        "interactions": min(max(interactions, 0.0), 1.0),
        "noise": min(mean_noise * (n - 1) / total, 1.0),
    }


def cells_of(kept, numbers):
    """Back in the places of all values."""
    whole = np.zeros(len(kept), dtype=int)
    whole[kept] = numbers
    return whole.tolist()


def variance_cases():
    random = np.random.default_rng(7)
    grid = [(a, b, seed) for a in range(3) for b in range(4) for seed in range(3)]
    columns = [[row[0] for row in grid], [row[1] for row in grid]]
    cells = [row[0] * 4 + row[1] for row in grid]
    effect = [2.0 * a + 0.3 * b + 0.5 * a * b for a, b, _ in grid]
    balanced = list(np.array(effect) + random.normal(0, 0.8, len(grid)))
    diverged = [NAN if index in (0, 1, 2, 7, 20, 35) else value for index, value in enumerate(balanced)]
    one_seed = [index for index, row in enumerate(grid) if row[2] == 0]
    pick = lambda items: [items[index] for index in one_seed]
    return {
        "balanced": variance(balanced, cells, columns),
        "unbalanced-with-nan": variance(diverged, cells, columns),
        "one-seed": variance(pick(balanced), pick(cells), [pick(column) for column in columns]),
        "one-factor": variance(balanced, columns[0], columns[:1]),
        "no-effect": variance(list(random.normal(5, 1, len(grid))), cells, columns),
    }


def main():
    golden = {
        "samples": {name: sample(values) for name, values in SAMPLES.items()},
        "two_sample": {name: two_sample(*pair) for name, pair in PAIRS.items()},
        "sign_flip": {name: sign_flip(values) for name, values in DIFFERENCES.items()},
        "holm": [holm(p) for p in P_VALUES],
        "variance": variance_cases(),
        **distribution(),
    }
    print(json.dumps(golden, indent=1, default=float))


if __name__ == "__main__":
    main()
