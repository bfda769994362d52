"""Job-steps per second of PyTorch on a recipe: what `just bench` compares this program with.

    python pytorch_rival.py --recipe jovian --jobs 8
    python pytorch_rival.py --recipe fast --jobs 64 --device cuda

A job is one training run of the recipe, and a job-step one discriminator and one generator update of
one job. The loop is the tutorial's, in float32, with all that a user would do to make it fast short of
rewriting it: the images lie in memory on the device (synthetic ones of MNIST's shape: values do not
change the speed), no DataLoader, no `.item()` inside, `fused=True` Adam, fakes detached in the
discriminator's step, denormals flushed. `--as-published` takes the last three back.

Several arrangements are measured in alternating rounds, each with its processes started, warmed up and
waiting; the best of them is PyTorch's result:
- on the CPU: one process with all cores' threads, and as many processes as there are jobs and cores
  with one thread, or an equal share of the cores, each;
- on CUDA: one process, a process for each of up to 8 jobs, and both with the whole step captured as a
  CUDA graph.

One JSON line for each arrangement: `job_steps_per_second` is the median of `rounds`. With
`--interactive`, a round is run for every line on the input, each value is printed at once, an empty
line ends the round, and the end of the input ends it all: so a caller can let its own measurements take turns with these.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import time

import torch
from torch import nn

IMAGES = 60_000
PIXELS = 784


def mlp(widths, activation, last, batch_norm=False, dropout=0.0):
    """Linear, BatchNorm, activation, Dropout for each hidden width; Linear, `last` for the output."""
    layers = []
    for inputs, outputs in zip(widths[:-2], widths[1:-1]):
        layers.append(nn.Linear(inputs, outputs))
        if batch_norm:
            layers.append(nn.BatchNorm1d(outputs))
        layers.append(activation())
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(*widths[-2:]), *last)


class Dcgan(nn.Sequential):
    """With images and feature maps in the memory format that is fastest for convolutions."""

    def forward(self, x):
        if x.dim() == 2 and x.shape[1] == PIXELS:
            x = x.reshape(-1, 1, 28, 28)
        return super().forward(x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x)


def dcgan_generator():
    return Dcgan(
        nn.Linear(100, 12544), nn.Unflatten(1, (256, 7, 7)), nn.BatchNorm2d(256), nn.ReLU(),
        nn.ConvTranspose2d(256, 128, 4, 2, 1), nn.BatchNorm2d(128), nn.ReLU(),
        nn.ConvTranspose2d(128, 1, 4, 2, 1), nn.Tanh(),
    ).to(memory_format=torch.channels_last)  # fmt: skip


def dcgan_discriminator():
    return Dcgan(
        nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1), nn.BatchNorm2d(128), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(6272, 1),
    ).to(memory_format=torch.channels_last)  # fmt: skip


def leaky():
    return nn.LeakyReLU(0.2)


# batch, latents, generator, discriminator, learning rate, beta1, loss, how its discriminator's loss is made
RECIPES = {
    "realpython": {
        "batch": 32, "dim": 100, "latents": torch.randn, "lr": 1e-4, "beta1": 0.9, "loss": nn.BCELoss,
        "generator": lambda: mlp([100, 256, 512, 1024, 784], nn.ReLU, [nn.Tanh()]),
        "discriminator": lambda: mlp([784, 1024, 512, 256, 1], nn.ReLU, [nn.Sigmoid()], dropout=0.3),
        "combine": "concatenate", "real": 1.0,
    },
    "jovian": {
        "batch": 100, "dim": 64, "latents": torch.randn, "lr": 2e-4, "beta1": 0.9, "loss": nn.BCELoss,
        "generator": lambda: mlp([64, 256, 256, 784], nn.ReLU, [nn.Tanh()]),
        "discriminator": lambda: mlp([784, 256, 256, 1], leaky, [nn.Sigmoid()]),
        "combine": "sum", "real": 1.0,
    },
    "coursera": {
        "batch": 128, "dim": 64, "latents": torch.randn, "lr": 1e-5, "beta1": 0.9, "loss": nn.BCEWithLogitsLoss,
        "generator": lambda: mlp([64, 128, 256, 512, 1024, 784], nn.ReLU, [nn.Sigmoid()], batch_norm=True),
        "discriminator": lambda: mlp([784, 512, 256, 128, 1], leaky, []),
        "combine": "mean", "real": 1.0,
    },
    "udacity": {
        "batch": 64, "dim": 100, "latents": lambda *shape, **kw: torch.rand(*shape, **kw) * 2 - 1,
        "lr": 2e-3, "beta1": 0.9, "loss": nn.BCEWithLogitsLoss,
        "generator": lambda: mlp([100, 32, 64, 128, 784], leaky, [nn.Tanh()], dropout=0.3),
        "discriminator": lambda: mlp([784, 128, 64, 32, 1], leaky, [], dropout=0.3),
        "combine": "sum", "real": 0.9,
    },
    "dcgan": {
        "batch": 64, "dim": 100, "latents": torch.randn, "lr": 2e-4, "beta1": 0.5, "loss": nn.BCEWithLogitsLoss,
        "generator": dcgan_generator, "discriminator": dcgan_discriminator,
        "combine": "sum", "real": 1.0, "shared": True,
    },
    "fast": {
        "batch": 64, "dim": 64, "latents": torch.randn, "lr": 1e-3, "beta1": 0.5, "loss": nn.BCEWithLogitsLoss,
        "generator": lambda: mlp([64, 256, 512, 784], nn.ReLU, [nn.Tanh()], batch_norm=True),
        "discriminator": lambda: mlp([784, 512, 256, 1], leaky, [], dropout=0.3),
        "combine": "sum", "real": 1.0,
    },
    # WGAN-GP on the networks of `fast`, without dropout: five updates of the critic a step, as the paper's algorithm 1.
    "wgan-gp": {
        "batch": 64, "dim": 64, "latents": torch.randn, "lr": 1e-4, "beta1": 0.0, "beta2": 0.9, "critic": 5, "penalty": 10.0,
        "generator": lambda: mlp([64, 256, 512, 784], nn.ReLU, [nn.Tanh()], batch_norm=True),
        "discriminator": lambda: mlp([784, 512, 256, 1], leaky, []),
    },
}  # fmt: skip


class Job:
    """One training run: `step()` is one update of each network."""

    def __init__(self, recipe, device, as_published, graph):
        self.recipe, self.device, self.detach = RECIPES[recipe], device, not as_published
        self.G = self.recipe["generator"]().to(device)
        self.D = self.recipe["discriminator"]().to(device)
        self.loss = self.recipe.get("loss", lambda: None)()
        self.g_optimizer = self.adam(self.G, as_published, graph)
        self.d_optimizer = self.adam(self.D, as_published, graph)
        batch = self.recipe["batch"]
        self.images = torch.rand(IMAGES, PIXELS, device=device) * 2 - 1
        self.ones = torch.ones(batch, 1, device=device)
        self.zeros = torch.zeros(batch, 1, device=device)
        self.real_labels = self.ones * self.recipe.get("real", 1.0)
        self.both_labels = torch.cat((self.real_labels, self.zeros))
        self.rows = torch.arange(batch, device=device)
        self.steps_per_epoch = IMAGES // batch // self.recipe.get("critic", 1)
        self.done = 0
        # Where the batch begins lies on the device, so that a captured step can move it on by itself.
        self.start = torch.zeros(1, dtype=torch.long, device=device)
        self.order = torch.randperm(IMAGES, device=device)
        self.once = self.wasserstein if "critic" in self.recipe else self.eager
        self.update = self.captured() if graph else self.once

    def adam(self, model, as_published, graph):
        options = {} if as_published else {"fused": True}
        if graph:
            options["capturable"] = True
        betas = (self.recipe["beta1"], self.recipe.get("beta2", 0.999))
        return torch.optim.Adam(model.parameters(), lr=self.recipe["lr"], betas=betas, **options)

    def step(self):
        if self.done % self.steps_per_epoch == 0:
            self.order.copy_(torch.randperm(IMAGES, device=self.device))
            self.start.zero_()
        self.update()
        self.done += 1

    def eager(self):
        real = self.images.index_select(0, self.order.index_select(0, self.start + self.rows))
        self.start += self.recipe["batch"]

        drawn = self.G(self.noise())
        fakes = drawn.detach() if self.detach or self.recipe.get("shared") else drawn
        self.d_optimizer.zero_grad()
        self.discriminator_loss(real, fakes).backward()
        self.d_optimizer.step()

        self.g_optimizer.zero_grad()
        # As in PyTorch's DCGAN example, the fakes of both updates may be the same.
        drawn = drawn if self.recipe.get("shared") else self.G(self.noise())
        self.loss(self.D(drawn), self.ones).backward()
        self.g_optimizer.step()

    def wasserstein(self):
        """As the paper's algorithm 1. The critic sees real images and fakes as one batch, which is faster than apart."""
        for _ in range(self.recipe["critic"]):
            real = self.images.index_select(0, self.order.index_select(0, self.start + self.rows))
            self.start += self.recipe["batch"]
            with torch.no_grad():
                fakes = self.G(self.noise())
            self.d_optimizer.zero_grad()
            of_real, of_fakes = self.D(torch.cat((real, fakes))).chunk(2)
            (of_fakes.mean() - of_real.mean() + self.recipe["penalty"] * self.penalty(real, fakes)).backward()
            self.d_optimizer.step()

        self.D.requires_grad_(False)
        self.g_optimizer.zero_grad()
        (-self.D(self.G(self.noise())).mean()).backward()
        self.g_optimizer.step()
        self.D.requires_grad_(True)

    def penalty(self, real, fakes):
        places = torch.rand(len(real), 1, device=self.device)
        between = torch.lerp(fakes, real, places).requires_grad_()
        (gradient,) = torch.autograd.grad(self.D(between).sum(), between, create_graph=True)
        return (gradient.norm(2, dim=1) - 1).square().mean()

    def noise(self):
        return self.recipe["latents"](self.recipe["batch"], self.recipe["dim"], device=self.device)

    def discriminator_loss(self, real, fakes):
        if self.recipe["combine"] == "concatenate":
            return self.loss(self.D(torch.cat((real, fakes))), self.both_labels)
        loss = self.loss(self.D(real), self.real_labels) + self.loss(self.D(fakes), self.zeros)
        return loss / 2 if self.recipe["combine"] == "mean" else loss

    def captured(self):
        """The whole step as a CUDA graph, after a few steps on a stream of their own as capturing wants it."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(5):
                self.once()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        self.d_optimizer.zero_grad(set_to_none=True)
        self.g_optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            self.once()
        return graph.replay

    def finish(self):
        if self.device == "cuda":
            torch.cuda.synchronize()


def work(pipe, threads, options):
    """A process of an arrangement: warms up, then trains for as long as each message says."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(not options["as_published"])
    job = Job(**options)
    train(job, 1.0)
    pipe.send("ready")
    while (seconds := pipe.recv()) is not None:
        pipe.send(train(job, seconds))


def train(job, seconds):
    """Steps per second over at least `seconds`, the device's queue emptied at both ends."""
    job.finish()
    begin, steps = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        # The clock is looked at, and a GPU's queue is emptied, once in a few steps.
        for _ in range(10):
            job.step()
        steps += 10
        if steps % 500 == 0:
            job.finish()
    job.finish()
    return steps / (time.perf_counter() - begin)


class Arrangement:
    """So many processes at once, each on so many threads."""

    def __init__(self, processes, threads, options):
        self.name = f"{plural(processes, 'process', 'processes')} x {plural(threads, 'thread', 'threads')}"
        if options["device"] == "cuda":
            captured = ", CUDA graph" if options["graph"] else ""
            self.name = f"{plural(processes, 'process', 'processes')} on the GPU{captured}"
        spawn = multiprocessing.get_context("spawn")
        self.pipes, self.processes, self.rounds = [], [], []
        for _ in range(processes):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=work, args=(theirs, threads, options), daemon=True)
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)

    def wait(self):
        for pipe in self.pipes:
            pipe.recv()

    def measure(self, seconds):
        for pipe in self.pipes:
            pipe.send(seconds)
        self.rounds.append(sum(pipe.recv() for pipe in self.pipes))

    def stop(self):
        for pipe, process in zip(self.pipes, self.processes):
            pipe.send(None)
            process.join()


def plural(count, one, many):
    return f"{count} {one if count == 1 else many}"


def arrangements(arguments):
    options = {"recipe": arguments.recipe, "device": arguments.device, "as_published": arguments.as_published}
    cores = len(os.sched_getaffinity(0))
    if arguments.device == "cuda":
        graphs = [False] if arguments.as_published else [False, True]
        processes = sorted({1, min(arguments.jobs, 8)})
        return [Arrangement(n, max(1, cores // n), options | {"graph": graph}) for n in processes for graph in graphs]
    processes = min(arguments.jobs, cores)
    shapes = dict.fromkeys([(1, cores), (processes, 1), (processes, cores // processes)])
    return [Arrangement(n, threads, options | {"graph": False}) for n, threads in shapes]


def line(arguments, arrangement, rounds):
    published = ", as published" if arguments.as_published else ""
    return json.dumps({
        "program": f"PyTorch {torch.__version__}{published}",
        "recipe": arguments.recipe,
        "jobs": arguments.jobs,
        "arrangement": arrangement.name,
        "job_steps_per_second": round(statistics.median(rounds), 2),
        "rounds": [round(value, 2) for value in rounds],
    })  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=RECIPES, required=True)
    parser.add_argument("--jobs", type=int, default=1, help="runs that there are to train")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--as-published", action="store_true", help="without the changes that make it faster")
    parser.add_argument("--seconds", type=float, default=4.0, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--interactive", action="store_true", help="a round for every line on the input")
    arguments = parser.parse_args()
    if arguments.jobs < 1 or arguments.rounds < 1:
        parser.error("--jobs and --rounds are at least 1")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("this PyTorch sees no CUDA device")
    rivals = arrangements(arguments)
    for rival in rivals:
        rival.wait()
    for _ in sys.stdin if arguments.interactive else range(arguments.rounds):
        for rival in rivals:
            rival.measure(arguments.seconds)
            if arguments.interactive:
                print(line(arguments, rival, rival.rounds[-1:]), flush=True)
        if arguments.interactive:
            print(flush=True)
    if not arguments.interactive:
        for rival in rivals:
            print(line(arguments, rival, rival.rounds))
    for rival in rivals:
        rival.stop()


if __name__ == "__main__":
    main()
