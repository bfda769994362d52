"""Computes the golden values of every case with PyTorch, from inputs that the Rust example dumped.

    python generate.py INPUTS [--values FOLDER] [--case NAME]...

Every case is computed in float64 (the values that are written) and in float32 as the tutorials
do. How far PyTorch's own float32 lands from float64 is written beside each group of values: it is
the scale of what rounding does to that group, and what the tests' tolerances are multiples of.

Where an activation is so near zero that rounding decides its sign, kernels that sum in another order have another
gradient, from its third to its sixth digit on. So every case is also computed in float32 from weights that differ in their last
bits. A case in which one of these runs is far away is refused: it needs another seed.
"""

import argparse
import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from safetensors import safe_open
from torch.nn.utils import parametrize
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import streams
from tutorials import CLASSES, GivenDropout, tutorial

HERE = Path(__file__).parent
ENTRIES = 8
# Float32 runs of each case: the first from its weights, the others from weights up to `MOVED` float32 away.
RUNS = 12
MOVED = 4
# How far a run's losses, scores and gradient norms may be away, relative; and the size below which a value counts as this.
CALM, SMALL = 2e-5, 0.25
# Cases whose tolerances are multiples of the furthest run, not of the first: they have long sums, which round more.
FURTHEST_COUNTS = {"dcgan", "dcgan-color", "best-conv", "listed-resize", "listed-residual", "listed-shortcuts", "augment", "spectral-norm-dcgan"}
NETWORKS = ["generator", "discriminator"]
# The buffers beside each parameter, with their names in a lane's state.
BUFFERS = {
    torch.optim.Adam: {"exp_avg": "adam.m", "exp_avg_sq": "adam.v"},
    torch.optim.AdamW: {"exp_avg": "adam.m", "exp_avg_sq": "adam.v"},
    torch.optim.SGD: {"momentum_buffer": "sgd.momentum"},
    torch.optim.RMSprop: {"square_avg": "rmsprop.square", "momentum_buffer": "rmsprop.momentum"},
}


def is_kept(name):
    """Whether a buffer is part of a lane's state: running statistics, and singular vectors of weights."""
    return "running" in name or name.endswith(("_u", "_v"))


class Computation:
    """One case in one precision."""

    def __init__(self, case, inputs, dtype):
        self.case = case
        self.norms = {}
        self.inputs = {name: torch.from_numpy(values).to(dtype) for name, values in inputs.items()}
        self.tutorial = tutorial(case)
        self.models = dict(zip(NETWORKS, [self.tutorial.G, self.tutorial.D]))
        for network, model in self.models.items():
            weights = {n.removeprefix(f"{network}."): v for n, v in self.inputs.items() if n.startswith(f"{network}.")}
            tracked = {n: v for n, v in model.state_dict().items() if n.endswith("num_batches_tracked")}
            model.to(dtype).load_state_dict({**weights, **tracked}, strict=True)
        self.averaged = self.average()

    def average(self):
        """The moving average of the generator, if the case keeps one."""
        settings = self.case["config"]["train"]
        if not settings.get("ema"):
            return None

        def mix(averages, current, calls):
            # The first call copies the initial weights, so that there are as many before this as updates so far.
            updates = int(calls)
            most = (1 + updates) / (10 + updates) if settings.get("ema_warmup") else 1
            get_ema_multi_avg_fn(min(settings["ema"], most))(averages, current, updates)

        averaged = AveragedModel(self.tutorial.G, multi_avg_fn=mix, use_buffers=True)
        averaged.update_parameters(self.tutorial.G)
        return averaged

    def update_average(self):
        """Moves the average. Weights with a spectral norm have singular vectors of their average, not averages of theirs."""
        norms = [
            (layer.parametrizations.weight.original, layer.parametrizations.weight[0])
            for layer in self.averaged.module.modules()
            if parametrize.is_parametrized(layer, "weight")
        ]
        vectors = [(norm._u.clone(), norm._v.clone()) for _, norm in norms]
        self.averaged.update_parameters(self.tutorial.G)
        for (weight, norm), (u, v) in zip(norms, vectors):
            norm._u.copy_(u)
            norm._v.copy_(v)
            norm._power_method(norm._reshape_weight_to_matrix(weight.detach()), 1)

    def train(self):
        return [self.step(step) for step in range(self.case["steps"])]

    def step(self, step):
        values = self.tutorial.step(self.step_inputs(step))
        if self.averaged:
            self.update_average()
        return values | self.norms

    def step_inputs(self, step):
        """What `Tutorial.step` wants; measures gradient norms when each network's are ready."""

        def masks(update, passes):
            found = {name: [] for name in passes}
            for name, mask in self.inputs.items():
                parts = name.split(".")
                if parts[:4] == ["step", str(step), "mask", str(update)] and parts[4] in found:
                    found[parts[4]].append((int(parts[5]), mask))
            return {name: [mask for _, mask in sorted(layers, key=lambda l: l[0])] for name, layers in found.items()}

        updates = []
        while f"step.{step}.x.{len(updates)}" in self.inputs:
            u = len(updates)
            x, z = self.inputs[f"step.{step}.x.{u}"], self.inputs[f"step.{step}.z_d.{u}"]
            passes = ["DiscriminatorReal", "DiscriminatorFake", "GeneratorInD", "DiscriminatorInPenalty"]
            updates.append((x, z, masks(u, passes)))
        draw = lambda u: next((self.inputs[n] for n in (f"step.{step}.places.{u}", f"step.{step}.noise.{u}") if n in self.inputs), None)
        draws = [draw(u) for u in range(len(updates))]
        return SimpleNamespace(
            updates=updates,
            drawn=draws,
            flips=[self.inputs.get(f"step.{step}.flips.{u}") for u in range(len(updates))],
            augment=lambda u, network_pass: self.inputs.get(f"step.{step}.augment.{u}.{network_pass}"),
            instance_noise=lambda u, network_pass: self.inputs.get(f"step.{step}.instance_noise.{u}.{network_pass}"),
            z=self.inputs[f"step.{step}.z_g"],
            # Of real images and of fakes.
            classes=lambda u: [self.inputs.get(f"step.{step}.classes.{u}.{half}") for half in ("real", "fake")],
            classes_g=self.inputs.get(f"step.{step}.classes_g"),
            masks=masks(0, ["DiscriminatorInG", "GeneratorInG", "DiscriminatorRealInG"]),
            generator_ready=lambda model: self.measure("grad_norm_g", model),
            discriminator_ready=lambda model: self.measure("grad_norm_d", model),
        )

    def measure(self, name, model):
        squares = sum((parameter.grad.double() ** 2).sum().item() for parameter in model.parameters())
        self.norms[name] = math.sqrt(squares)

    def tensors(self):
        """Every tensor of the state by its name in `LaneState`, parameters as change since the start."""
        found = {}
        optimizers = [self.tutorial.g_optimizer, self.tutorial.d_optimizer]
        for (network, model), optimizer in zip(self.models.items(), optimizers):
            for name, parameter in model.named_parameters():
                name = f"{network}.{name}"
                found[name] = parameter.detach() - self.inputs[name]
                for buffer, ours in BUFFERS[type(optimizer)].items():
                    if buffer in optimizer.state[parameter]:
                        found[f"{ours}.{name}"] = optimizer.state[parameter][buffer]
            for name, buffer in model.named_buffers():
                if is_kept(name):
                    found[f"{network}.{name}"] = buffer
        if self.averaged:
            for name, parameter in self.averaged.module.named_parameters():
                found[f"ema.generator.{name}"] = parameter.detach() - self.inputs[f"generator.{name}"]
            for name, buffer in self.averaged.module.named_buffers():
                if is_kept(name):
                    found[f"ema.generator.{name}"] = buffer
        # Copies: drawing samples goes on to move the running statistics.
        return {name: tensor.double().numpy().reshape(-1).copy() for name, tensor in found.items()}

    def samples(self):
        """Images from the fixed latents, with running and with the grid's own statistics."""
        latents, found = self.inputs["fixed_latents"], {}
        generators = {"": self.tutorial.G}
        if self.averaged:
            generators["ema-"] = self.averaged.module
        with torch.no_grad():
            for source, generator in generators.items():
                generator.classes = torch.arange(len(latents)) % CLASSES
                generator.eval()
                found[f"{source}eval"] = generator(latents)
                generator.train()
                # No dropout, and no power iteration.
                for layer in generator.modules():
                    if isinstance(layer, (GivenDropout, parametrize.ParametrizationList)):
                        layer.eval()
                found[f"{source}batch-statistics"] = generator(latents)
        return {name: images.double().numpy().reshape(-1) for name, images in found.items()}


def summary(exact, singles):
    """A tensor in a few numbers, and PyTorch's float32 deviation from it: largest, and root mean square, of the
    run that is furthest away."""
    differences = [single - exact for single in singles]
    size = exact.size
    places = sorted({int(size * ((0.1 + 0.6180339887498949 * k) % 1)) for k in range(ENTRIES)})
    return {
        "sum": exact.sum(),
        "squares": (exact**2).sum(),
        "signed": (exact * signs(size)).sum(),
        "entries": [[place, exact[place]] for place in places],
        "deviation": {
            "largest": max(abs(difference).max() for difference in differences),
            "typical": max(math.sqrt((difference**2).mean()) for difference in differences),
        },
    }


def signs(size):
    """A sign for each entry, so that a sum notices entries that changed places."""
    return np.where(streams.hash32(0, 0, np.arange(size, dtype=np.uint32)) & np.uint32(1), -1.0, 1.0)


def with_other_last_bits(inputs, run):
    """The inputs of another float32 run: each weight up to `MOVED` float32 up or down, which moves a sum about as far as
    another order of its terms does."""
    if run == 0:
        return inputs
    random = np.random.default_rng(run)

    def moved(values):
        places = random.integers(-MOVED, MOVED + 1, values.shape).astype(np.float32)
        return (values + places * np.spacing(np.abs(values))).astype(np.float32)

    trained = {name: moved(v) for name, v in inputs.items() if name.split(".")[0] in NETWORKS and not is_kept(name)}
    return {**inputs, **trained}


def golden(case, inputs, digest):
    exact = Computation(case, inputs, torch.float64)
    singles = [Computation(case, with_other_last_bits(inputs, run), torch.float32) for run in range(RUNS)]
    columns = list(zip(exact.train(), *[single.train() for single in singles]))
    refuse_if_rounding_decides(case["name"], columns)
    if case["name"] not in FURTHEST_COUNTS:
        singles, columns = singles[:1], [column[:2] for column in columns]
    furthest = lambda name, value, others: max((other[name] for other in others), key=lambda other: abs(other - value))
    steps = [
        {name: {"value": value, "float32": furthest(name, value, others)} for name, value in step.items()}
        for step, *others in columns
    ]
    tensors, of_runs = exact.tensors(), [single.tensors() for single in singles]
    samples, drawn = exact.samples(), [single.samples() for single in singles]
    return {
        "case": case["name"],
        "torch": torch.__version__.split("+")[0],
        "inputs_sha256": digest,
        "steps": steps,
        "tensors": {name: summary(values, [run[name] for run in of_runs]) for name, values in tensors.items()},
        "samples": {mode: summary(values, [run[mode] for run in drawn]) for mode, values in samples.items()},
    }


def refuse_if_rounding_decides(name, columns):
    """Ends the program if a float32 run is so far from float64 that the sign of an activation changed."""
    for step, (exact, *others) in enumerate(columns):
        for key, value in exact.items():
            away = max(abs(other[key] - value) for other in others) / max(abs(value), SMALL)
            if away > CALM:
                raise SystemExit(f"{name}: rounding moves {key} of step {step} by {away:.0e}: give the case another seed")


def initialisation(cases):
    """The default initialisation of Linear layers and convolutions, each shape's largest value and variance in
    units of the uniform distribution on (-1/sqrt(fan_in), 1/sqrt(fan_in)): both are 1 but for chance."""
    products = (torch.nn.Linear, torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    torch.manual_seed(0)
    found = {}
    for case in cases:
        fresh = tutorial(case)
        for network, model in zip(NETWORKS, [fresh.G, fresh.D]):
            for name, parameter in model.named_parameters():
                layer = model.get_submodule(name.split(".")[0])
                other_rule = case["config"]["model"].get("init") == "dcgan" and not name.endswith("bias")
                if isinstance(layer, products) and not other_rule:
                    values = parameter.detach().double() * math.sqrt(layer.weight[0].numel())
                    found[f"{case['name']}.{network}.{name}"] = {
                        "largest": values.abs().max().item(),
                        "variance": (values**2).mean().item() * 3,
                    }
    return found


def rounded(value):
    """Eleven digits say all that a float32 can be compared with."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.11g}") if isinstance(value, float) else value


def text(value, depth=0):
    """JSON with one step, one tensor a line."""
    parts = list(value.values()) if isinstance(value, dict) else value
    if depth == 2 or not isinstance(parts, list) or not any(isinstance(part, (dict, list)) for part in parts):
        return json.dumps(value)
    left, right = "{}" if isinstance(value, dict) else "[]"
    items = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    lines = [(f"{json.dumps(key)}: " if key else "") + text(item, depth + 1) for key, item in items]
    indent = "  " * depth
    return f"{left}\n" + ",\n".join(f"{indent}  {line}" for line in lines) + f"\n{indent}{right}"


def write(path, document):
    path.write_text(text(rounded(document)) + "\n")
    print(path)


def report(document):
    """How far float32 is from float64, at its worst."""
    for step in document["steps"]:
        print("  ", {n: f"{v['value']:.6g} {abs(v['float32'] - v['value']) / max(abs(v['value']), 1e-30):.0e}" for n, v in step.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", type=Path, help="the folder that the example dump_step_inputs wrote")
    parser.add_argument("--values", type=Path, default=HERE / "values")
    parser.add_argument("--case", action="append", help="only this one; may be given several times")
    arguments = parser.parse_args()
    cases = json.loads((HERE / "cases.json").read_text())
    for case in cases:
        if arguments.case and case["name"] not in arguments.case:
            continue
        with safe_open(arguments.inputs / f"{case['name']}.safetensors", "np") as file:
            inputs = {name: file.get_tensor(name) for name in sorted(file.keys())}
            digest = file.metadata()["sha256"]
        streams.Check(case, inputs).all()
        document = golden(case, inputs, digest)
        report(document)
        write(arguments.values / f"{case['name']}.json", document)
    write(arguments.values / "initialisation.json", initialisation(cases))


if __name__ == "__main__":
    main()
