"""Decisions of successive halving, Hyperband, ASHA and the median stopping rule, written from their papers.

Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization", figure 3.
Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar 2018, "Hyperband", algorithm 1.
Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht and Talwalkar 2020, "A system for massively parallel hyperparameter
tuning", algorithm 2.
Golovin, Solnik, Moitra, Kochanski, Karro and Sculley 2017, "Google Vizier", section 3.2.2.

Where the papers leave a choice: a smaller value is better; NaN and diverged configs are worst and never go on; ties go by id; at a
rung of which floor(n / eta) is 0, one goes on once nothing else is left to train; of the median rule, three completed configs
with finite averages are needed, and diverged ones are not completed.

    python pruning_values.py > pruning.json
"""

import json
import math
import random
import statistics


def rungs_of(minimum, eta, budget):
    rungs = []
    while minimum < budget:
        rungs.append(minimum)
        minimum *= eta
    return rungs


class Table:
    """The figure of each config at the end of each epoch, and the epoch in which it diverges."""

    def __init__(self, rng, count, budget):
        self.ids = [f"{rng.getrandbits(64):016x}" for _ in range(count)]
        self.figures, self.diverges = {}, {}
        for config in self.ids:
            level = rng.choice([10, 20, 20, 30])
            curve = [round(level + 40 / (epoch + 1) + rng.choice([0, 0, 1, 5, -3]), 3) for epoch in range(budget)]
            if rng.random() < 0.15:
                curve[rng.randrange(budget)] = None
            if rng.random() < 0.15:
                self.diverges[config] = rng.randrange(1, budget + 1)
            self.figures[config] = curve

    def loss(self, config, epochs):
        """What a config is compared by after so many epochs: infinite for NaN, and from the epoch that it diverges in."""
        if self.diverges.get(config, math.inf) <= epochs:
            return math.inf
        value = self.figures[config][epochs - 1]
        return math.inf if value is None else value

    def json(self):
        return {"ids": self.ids, "figures": self.figures, "diverges": self.diverges}


def top_k(table, configs, epochs, k):
    ranked = sorted(configs, key=lambda config: (table.loss(config, epochs), config))
    return [config for config in ranked[:k] if table.loss(config, epochs) < math.inf]


def successive_halving(table, configs, rungs, eta):
    """Who goes on from each rung."""
    going = []
    for rung in rungs:
        k = max(len(configs) // eta, 1) if configs else 0
        configs = top_k(table, configs, rung, k)
        going.append({"rung": rung, "promoted": sorted(configs)})
    return going


def brackets(ids, minimum, eta, budget):
    """Hyperband's brackets, each with its share of the configs: the one that is furthest behind its share gets the next."""
    rungs = rungs_of(minimum, eta, budget)
    s_max = len(rungs)
    shares = [math.ceil((s_max + 1) / (s + 1) * eta**s) for s in range(s_max, -1, -1)]
    dealt = [[] for _ in shares]
    for config in sorted(ids):
        loads = [(len(dealt[b]) + 1) / shares[b] for b in range(len(shares))]
        dealt[loads.index(min(loads))].append(config)
    return dealt


def hyperband(table, minimum, eta, budget):
    rungs = rungs_of(minimum, eta, budget)
    dealt = brackets(table.ids, minimum, eta, budget)
    return [
        {"bracket": b, "configs": sorted(configs), "rungs": successive_halving(table, configs, rungs[b:], eta)}
        for b, configs in enumerate(dealt)
    ]


class Asha:
    """Algorithm 2, with a fixed list of configs in place of random ones."""

    def __init__(self, table, rungs, eta):
        self.table, self.rungs, self.eta = table, rungs, eta
        self.results = {rung: [] for rung in rungs}
        self.promoted = {rung: set() for rung in rungs}

    def get_job(self):
        """A promotable config and its rung, looked for from the top."""
        for rung in reversed(self.rungs):
            done = self.results[rung]
            for config in top_k(self.table, done, rung, len(done) // self.eta):
                if config not in self.promoted[rung]:
                    self.promoted[rung].add(config)
                    return config
        return None

    def last_word(self):
        """Nothing else is left to train: the best of each rung from which nobody could go on."""
        going = []
        for rung in self.rungs:
            done = self.results[rung]
            k = max(len(done) // self.eta, 1) if done else 0
            for config in top_k(self.table, done, rung, k):
                if config not in self.promoted[rung]:
                    self.promoted[rung].add(config)
                    going.append(config)
        return sorted(going)


def asha(rng, table, rungs, eta, budget, slots):
    """Steps of a run of ASHA: a config comes to a rung (or ends), and who goes on when a slot is free after that."""
    algorithm, steps = Asha(table, rungs, eta), []
    waiting = [(config, rungs[0] if rungs else budget) for config in table.ids]
    running = []
    while True:
        while waiting and len(running) < slots:
            running.append(waiting.pop(0))
        if not running:
            going = algorithm.last_word()
            steps.append({"idle": going})
            if not going:
                return steps
            waiting = [(config, after(algorithm, config, rungs, budget)) for config in going]
            continue
        config, target = running.pop(rng.randrange(len(running)))
        if table.diverges.get(config, math.inf) <= target:
            steps.append({"config": config, "diverged": table.diverges[config]})
        elif target == budget:
            steps.append({"config": config, "completed": budget})
        else:
            steps.append({"config": config, "rung": target})
        if target != budget:
            algorithm.results[target].append(config)
        if rng.random() < 0.6:
            going = []
            while (promotable := algorithm.get_job()) is not None:
                going.append(promotable)
            steps.append({"free": sorted(going)})
            waiting = [(config, after(algorithm, config, rungs, budget)) for config in going] + waiting


def after(algorithm, config, rungs, budget):
    """Where a promoted config stops next."""
    left = [rung for rung in rungs if config not in algorithm.promoted[rung]]
    return left[0] if left else budget


NEEDED = 3


def median(rng, table, minimum, budget, slots):
    """Steps of a sweep: a config reports an epoch, and whether it ends there."""
    done, open_configs, running, completed, steps = {}, list(table.ids), [], [], []
    while open_configs or running:
        while open_configs and len(running) < slots:
            running.append(open_configs.pop(0))
        config = rng.choice(running)
        epoch = done[config] = done.get(config, 0) + 1
        if table.diverges.get(config) == epoch:
            # It is not completed, and counts for nothing.
            steps.append({"config": config, "diverged": epoch})
            running.remove(config)
            continue
        stops = False
        averages = [statistics.fmean(table.loss(other, e) for e in range(1, epoch + 1)) for other in completed]
        averages = [average for average in averages if math.isfinite(average)]
        if minimum <= epoch < budget and len(averages) >= NEEDED:
            best = min(table.loss(config, e) for e in range(1, epoch + 1))
            stops = best > statistics.median(averages)
        steps.append({"config": config, "epoch": epoch, "stops": stops})
        if stops:
            running.remove(config)
        elif epoch == budget:
            steps.append({"config": config, "completed": budget})
            running.remove(config)
            completed.append(config)
    return steps


def main():
    rng = random.Random(20180417)
    halving, bands, asynchronous, medians = [], [], [], []
    for _ in range(16):
        minimum, eta, budget, count = rng.choice([1, 2]), rng.choice([2, 3, 4]), rng.choice([5, 9, 12]), rng.randrange(1, 20)
        table, rungs = Table(rng, count, budget), rungs_of(minimum, eta, budget)
        setting = {"min_epochs": minimum, "factor": eta, "budget": budget}
        halving.append(
            {**setting, "table": table.json(), "expected": successive_halving(table, table.ids, rungs, eta)}
        )
        bands.append({**setting, "table": table.json(), "expected": hyperband(table, minimum, eta, budget)})
        steps = asha(rng, table, rungs, eta, budget, rng.choice([1, 2, 5]))
        asynchronous.append({**setting, "table": table.json(), "expected": steps})
        steps = median(rng, table, minimum, budget, rng.choice([1, 3, 6]))
        medians.append({**setting, "table": table.json(), "expected": steps})
    cases = {"successive-halving": halving, "hyperband": bands, "asha": asynchronous, "median": medians}
    print(json.dumps(cases, separators=(",", ":")))


main()
