"""Computes the golden values of `crates/search` with scipy and numpy.

    python search_values.py > search.json

A second implementation of the same method: Parzen estimators whose kernels are products of truncated normal distributions and of
weighted choices (Bergstra et al. 2011; Falkner et al. 2018), with the bandwidths of Optuna's multivariate sampler. A dimension
without an effect is `null`.
"""

import json
import math

import numpy as np
from scipy import stats

CANDIDATES, GOOD_SHARE, MOST_GOOD = 24, 0.1, 25

SPACES = {
    "real": [{"real": [-5.0, 10.0], "log": False}, {"real": [1e-5, 1e-1], "log": True}],
    "mixed": [
        {"real": [1e-4, 1e-1], "log": True},
        {"integer": [1, 6], "log": False},
        {"integer": [16, 512], "log": True},
        {"choice": 3},
    ],
    # The second has an effect where the first is 0, the third where it is 1.
    "conditional": [{"choice": 2}, {"real": [0.0, 1.0], "log": False}, {"integer": [1, 9], "log": False}],
}


def ends(dimension):
    if "real" in dimension:
        return dimension["real"]
    low, high = dimension["integer"]
    return [low - 0.5, high + 0.5]


def unit(dimension, number):
    low, high = ends(dimension)
    if dimension["log"]:
        return math.log(number / low) / math.log(high / low)
    return (number - low) / (high - low)


def number_at(dimension, place):
    low, high = ends(dimension)
    number = low * (high / low) ** place if dimension["log"] else low + (high - low) * place
    return float(np.clip(round(number), *dimension["integer"])) if "integer" in dimension else number


def has_effect(name, point):
    return [True, point[0] == 0, point[0] == 1] if name == "conditional" else [True] * len(point)


class Parzen:
    def __init__(self, space, points):
        self.space, self.points = space, points
        kernels = len(points) + 1
        narrowest = max(0.01, 1 / (kernels + 1))
        self.width = float(np.clip(0.2 * max(len(points), 1) ** (-1 / (len(space) + 4)), narrowest, 1))
        self.base = 1 / kernels

    def normal(self, index, kernel):
        number = None if kernel == len(self.points) else self.points[kernel][index]
        mean, width = (0.5, 1.0) if number is None else (unit(self.space[index], number), self.width)
        return stats.truncnorm(-mean / width, (1 - mean) / width, loc=mean, scale=width)

    def choice(self, index, kernel):
        number = None if kernel == len(self.points) else self.points[kernel][index]
        weights = np.full(self.space[index]["choice"], 1.0 if number is None else self.base)
        if number is not None:
            weights[int(number)] += 1
        return weights / weights.sum()

    def log_density(self, point, effects):
        logs = np.zeros(len(self.points) + 1)
        for kernel in range(len(logs)):
            for index, dimension in enumerate(self.space):
                if not effects[index]:
                    continue
                if "choice" in dimension:
                    logs[kernel] += math.log(self.choice(index, kernel)[int(point[index])])
                elif "integer" in dimension:
                    cell = [unit(dimension, point[index] + side) for side in (-0.5, 0.5)]
                    mass = np.diff(self.normal(index, kernel).cdf(cell))[0]
                    logs[kernel] += math.log(max(mass, np.finfo(float).tiny))
                else:
                    logs[kernel] += self.normal(index, kernel).logpdf(unit(dimension, point[index]))
        return float(np.logaddexp.reduce(logs) - math.log(len(logs)))

    def sample(self, uniforms):
        kernel = min(int(next(uniforms) * (len(self.points) + 1)), len(self.points))
        point = []
        for index, dimension in enumerate(self.space):
            uniform = next(uniforms)
            if "choice" in dimension:
                point.append(float(np.searchsorted(np.cumsum(self.choice(index, kernel)), uniform, side="right")))
            else:
                point.append(float(number_at(dimension, self.normal(index, kernel).ppf(uniform))))
        return point


def propose(name, trials, uniforms):
    space = SPACES[name]
    known = sorted((trial for trial in trials if trial["value"] is not None), key=lambda trial: trial["value"])
    count = min(math.ceil(GOOD_SHARE * len(known)), MOST_GOOD)
    good = Parzen(space, [trial["point"] for trial in known[:count]])
    bad = Parzen(space, [trial["point"] for trial in known[count:] + [t for t in trials if t["value"] is None]])
    candidates = [good.sample(uniforms) for _ in range(CANDIDATES)]
    gains = []
    for point in candidates:
        effects = has_effect(name, point)
        gains.append((good.log_density(point, effects), bad.log_density(point, effects)))
    best = int(np.argmax([a - b for a, b in gains]))
    return {"point": candidates[best], "good": gains[best][0], "bad": gains[best][1]}


def drawn_trials(name, count, pending, rng):
    trials = []
    for index in range(count):
        point = Parzen(SPACES[name], []).sample(iter(rng.random(len(SPACES[name]) + 1)))
        effects = has_effect(name, point)
        kept = [number if effect else None for number, effect in zip(point, effects)]
        # Some values are equal: the earlier trial is then the better one.
        value = None if index >= count - pending else float(np.round(rng.normal(), 1))
        trials.append({"point": kept, "value": value})
    return trials


def main():
    rng = np.random.default_rng(5)
    cases = []
    for name in SPACES:
        for count, pending in [(0, 0), (1, 0), (12, 0), (45, 4), (120, 2)]:
            trials = drawn_trials(name, count, pending, rng)
            uniforms = rng.random(CANDIDATES * (len(SPACES[name]) + 1)).tolist()
            proposal = propose(name, trials, iter(uniforms))
            cases.append({"space": name, "trials": trials, "uniforms": uniforms, "proposal": proposal})
    json.dump({"spaces": SPACES, "cases": cases}, __import__("sys").stdout)
    print()


main()
