"""What `just bench` prints: job-steps per second of this program, next to PyTorch's.

    python3 bench.py --program target/release/gansweep [--python PYTHON_WITH_TORCH]

Both sides take turns in the same minutes, round by round; the medians and their ratio are printed. Of
PyTorch's arrangements the fastest counts. Without an interpreter that has PyTorch, this program's
figures stand alone. Nothing is asserted: these are measurements.
"""

import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


class Side:
    """Programs at work at the same time, waiting for their next round. Their rates add up."""

    def __init__(self, commands):
        start = lambda command: subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.processes = [start(command) for command in commands]
        self.rates = {}

    def round(self):
        """One measurement of each of its arrangements."""
        for process in self.processes:
            process.stdin.write("\n")
            process.stdin.flush()
        sums = {}
        for process in self.processes:
            for one in figures(process):
                name = f"{one['program']}: {one['arrangement']}"
                sums[name] = sums.get(name, 0.0) + one["job_steps_per_second"]
        for name, rate in sums.items():
            self.rates.setdefault(name, []).append(rate)

    def end(self):
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            process.wait()

    def medians(self):
        return sorted(((statistics.median(rates), name) for name, rates in self.rates.items()), reverse=True)


def figures(process):
    """What a program measured in a round, which an empty line ends."""
    found = []
    while (line := process.stdout.readline()).strip():
        found.append(json.loads(line))
    # A round without a figure would leave this side working while the other is measured.
    if not line or not found:
        sys.exit(f"{process.args[0]} ended early")
    return found


def measure(arguments, recipe, jobs):
    common = ["--recipe", recipe, "--seconds", str(arguments.seconds), "--interactive"]
    # As `sweep` arranges them: on the processor a worker for each core, which trains one run, or with
    # libtorch its share of them; elsewhere one group.
    cores = len(os.sched_getaffinity(0))
    on_cores = arguments.device in ("cpu", "libtorch:cpu")
    workers = min(jobs, cores) if on_cores else 1
    lanes = 1 if arguments.device == "cpu" else math.ceil(jobs / workers)
    ours = [arguments.program, "bench", "--device", arguments.device, "--lanes", str(lanes)]
    ours += ["--threads", str(1 if on_cores else cores), *common]
    sides = [Side([ours] * workers)]
    if arguments.python:
        rival = [arguments.python, str(HERE / "pytorch_rival.py"), "--jobs", str(jobs), *common]
        sides.append(Side([rival + (["--device", "cuda"] if arguments.cuda else [])]))
    for _ in range(arguments.rounds):
        for side in sides:
            side.round()
    for side in sides:
        side.end()
        for rate, name in side.medians():
            print(f"{recipe:11} {jobs:4} jobs  {rate:10.1f} job-steps/s  {name}")
    if len(sides) == 2:
        ratio = sides[0].medians()[0][0] / sides[1].medians()[0][0]
        print(f"{recipe:11} {jobs:4} jobs  {ratio:10.2f} x PyTorch's best arrangement")
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="the gansweep binary")
    parser.add_argument("--python", default="", help="an interpreter that has PyTorch")
    parser.add_argument("--recipes", default="jovian,realpython,fast")
    parser.add_argument("--jobs", default="1,8")
    parser.add_argument("--device", default="cpu", help="of this program")
    parser.add_argument("--cuda", action="store_true", help="PyTorch trains on CUDA")
    parser.add_argument("--seconds", type=float, default=3.0, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for recipe in arguments.recipes.split(","):
        for jobs in arguments.jobs.split(","):
            measure(arguments, recipe, int(jobs))


if __name__ == "__main__":
    main()
