#!/usr/bin/env python3
"""How often `exeunt-analyze compare` says that a configuration differs from itself.

    python3 analysis/aa.py --exeunt EXEUNT --analyze EXEUNT-ANALYZE --directory DIR [--minutes N] [--comparisons N]

Records runs of one configuration (the guest `doorbell`, its kicks as exits) for some minutes, keeps of each its state in DIR, and compares
them with each other: first as they were recorded, ten pairs of neighbours after another; then pairs of neighbours drawn at
random, again and again, up to the number of comparisons. Which of a pair is A is a coin's choice. No verdict should
be that anything differs: docs/comparison.md has what was found. States that DIR has already are used as well.
"""

import argparse
import collections
import json
import math
import random
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

PAIRS = 10
DIFFERENT = {"better", "worse", "higher", "lower"}
GUEST = ["--guest", "doorbell", "iterations=3000", "wait=interrupt", "--ioeventfd", "off"]


def record(options, number):
    """One run's state; None: the run or its recording failed."""
    state, trace = options.directory / f"run{number:04}.state", options.directory / "trace"
    shutil.rmtree(trace, ignore_errors=True)
    run = subprocess.run([options.exeunt, "run", *GUEST, "--trace", trace], capture_output=True, stdin=subprocess.DEVNULL)
    if run.returncode != 0 or subprocess.run([options.analyze, "state", "-o", state, trace], capture_output=True).returncode != 0:
        return None
    shutil.rmtree(trace)
    return state


def compare(options, pairs):
    """What `compare` says of pairs of states."""
    a, b = zip(*pairs)
    command = [options.analyze, "compare", "--format", "json", "--paired", *a, "--against", *b]
    output = subprocess.run(command, capture_output=True, text=True)
    if output.returncode != 0:
        sys.exit(f"{output.stderr}")
    return json.loads(output.stdout)["compare"]["evidence"]


def tell(name, results):
    """How often any primary metric was said to differ, and what else was said."""
    wrong = sum(any(metric["verdict"] in DIFFERENT for metric in result["primary"]) for result in results)
    verdicts = collections.Counter(metric["verdict"] for result in results for metric in result["primary"])
    print(f"{name}: {wrong} of {len(results)} comparisons have a false verdict; {dict(verdicts)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--exeunt", required=True)
    parser.add_argument("--analyze", required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--comparisons", type=int, default=300)
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    states = sorted(options.directory.glob("run*.state"))
    end = time.monotonic() + options.minutes * 60
    while time.monotonic() < end:
        state = record(options, len(states) + 1)
        if state is not None:
            states.append(state)
    neighbours = list(zip(states[0::2], states[1::2]))
    if len(neighbours) < PAIRS:
        sys.exit(f"{len(states)} runs are too few for a comparison of {PAIRS} pairs")

    coin = random.Random(1)
    def tossed(pairs):
        return [pair if coin.random() < 0.5 else pair[::-1] for pair in pairs]

    blocks = [neighbours[first : first + PAIRS] for first in range(0, len(neighbours) - PAIRS + 1, PAIRS)]
    real = [compare(options, tossed(block)) for block in blocks]
    print(f"{len(states)} runs")
    for place, metric in enumerate(real[0]["primary"]):
        ratios = [math.log(y / x) for result in real for x, y in zip(result["primary"][place]["a"], result["primary"][place]["b"]) if x and y]
        if len(ratios) > 1:
            middle = statistics.median(abs(ratio) for ratio in ratios) / 0.6745 / math.sqrt(2)
            could = statistics.median(result["primary"][place].get("detectable") or math.inf for result in real)
            print(f"{metric['name']}: run to run {100 * middle:.1f} % (by the median), {PAIRS} pairs could show {100 * (could - 1):.1f} %")
    tell("as recorded", real)
    drawn = [compare(options, tossed(coin.choices(neighbours, k=PAIRS))) for _ in range(options.comparisons - len(real))]
    tell("drawn", drawn)


main()
