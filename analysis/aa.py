#!/usr/bin/env python3
"""How often `exeunt-analyze compare` says that a configuration differs from itself, and how often it finds a difference that is there.

    python3 analysis/aa.py --exeunt EXEUNT --analyze EXEUNT-ANALYZE --directory DIR [--minutes N] [--comparisons N] [--pin LIST] [--guest WORDS --levels A,B]

Records rounds of three runs for some minutes: two of one configuration and one of another, in an order that chance decides. The words of --guest say which, with {} in the
place of what differs, and --levels what it is: by default the guest `doorbell`, its kicks as exits, and one PAUSE more for each request. Of each run its state is kept in DIR. Then it compares, ten rounds
a comparison: the two alike with each other, and one of them with the third; first as they were recorded, then rounds drawn at
random, again and again, up to the number of comparisons. Which of two alike is A is a coin's choice. Of those no verdict should
be that anything differs: docs/comparison.md has what was found. Rounds that DIR has already are used as well.
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
GUEST = "doorbell iterations=4000 wait=poll spacing={} --ioeventfd off --irqchip split --irqfd off"


def record(options, name, guest):
    """One run's state; None: the run or its recording failed."""
    guest = guest + (["--pin", options.pin] if options.pin else [])
    state, trace = options.directory / f"{name}.state", options.directory / "trace"
    shutil.rmtree(trace, ignore_errors=True)
    run = subprocess.run([options.exeunt, "run", *guest, "--trace", trace], capture_output=True, stdin=subprocess.DEVNULL)
    if run.returncode != 0 or subprocess.run([options.analyze, "state", "-o", state, trace], capture_output=True).returncode != 0:
        return None
    shutil.rmtree(trace)
    return state


def rounds(directory):
    """The states of each whole round: two alike, and the one that differs."""
    found = []
    for first in sorted(directory.glob("*-alike.state")):
        others = [first.with_name(first.name.replace("alike", kind)) for kind in ("again", "slower")]
        if all(other.exists() for other in others):
            found.append((first, *others))
    return found


def compare(options, pairs):
    """What `compare` says of pairs of states."""
    a, b = zip(*pairs)
    command = [options.analyze, "compare", "--format", "json", "--paired", *a, "--against", *b]
    output = subprocess.run(command, capture_output=True, text=True)
    if output.returncode != 0:
        sys.exit(f"{output.stderr}")
    return json.loads(output.stdout)["compare"]["evidence"]


def tell(name, results):
    """In how many comparisons any primary metric was said to differ, which, and what else was said."""
    found = sum(any(metric["verdict"] in DIFFERENT for metric in result["primary"]) for result in results)
    verdicts = collections.Counter(f"{metric['name']} {metric['verdict']}" for result in results for metric in result["primary"])
    print(f"{name}: {found} of {len(results)} comparisons say that something differs; {dict(verdicts)}")


def describe(results):
    """How much runs vary, what so many pairs could show, and what they estimate."""
    for place, metric in enumerate(results[0]["primary"]):
        ratios = [math.log(y / x) for result in results for x, y in zip(result["primary"][place]["a"], result["primary"][place]["b"]) if x and y]
        if len(ratios) > 1:
            middle = statistics.median(ratios)
            spread = statistics.median(abs(ratio - middle) for ratio in ratios) / 0.6745 / math.sqrt(2)
            could = statistics.median(result["primary"][place].get("detectable") or math.inf for result in results)
            print(f"  {metric['name']}: B / A {100 * (math.exp(middle) - 1):+.1f} %; run to run {100 * spread:.1f} % (by the median); "
                  f"{PAIRS} pairs could show {100 * (could - 1):.1f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--exeunt", required=True)
    parser.add_argument("--analyze", required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--comparisons", type=int, default=300)
    parser.add_argument("--pin", help="as of `exeunt run`: a thread that the scheduler moves varies more than one that stays")
    parser.add_argument("--guest", default=GUEST, help="the guest and options of `exeunt run`, by default: %(default)s")
    parser.add_argument("--levels", default="0,1", help="what {} stands for in those alike, and in the one that differs, by default: %(default)s")
    options = parser.parse_args()
    levels = options.levels.split(",")
    if len(levels) != 2 or "{}" not in options.guest:
        parser.error("--levels has two words with a comma between them, one of which stands for {} in --guest")
    options.directory.mkdir(parents=True, exist_ok=True)
    coin = random.Random()
    number, end = len(list(options.directory.glob("*.state"))), time.monotonic() + options.minutes * 60
    while time.monotonic() < end:
        number += 1
        kinds = ["alike", "again", "slower"]
        coin.shuffle(kinds)
        for kind in kinds:
            record(options, f"{number:05}-{kind}", ["--guest", *options.guest.replace("{}", levels[kind == "slower"]).split()])
    recorded = rounds(options.directory)
    if len(recorded) < PAIRS:
        sys.exit(f"{len(recorded)} rounds are too few for a comparison of {PAIRS} pairs")
    print(f"{len(recorded)} rounds")

    coin = random.Random(1)
    blocks = [recorded[first : first + PAIRS] for first in range(0, len(recorded) - PAIRS + 1, PAIRS)]
    drawn = [coin.sample(recorded, PAIRS) for _ in range(options.comparisons - len(blocks))]
    alike = lambda block: compare(options, [(a, b) if coin.random() < 0.5 else (b, a) for a, b, _ in block])
    slower = lambda block: compare(options, [(a, c) for a, _, c in block])
    for name, judge in (("alike", alike), (f"{levels[1]} instead of {levels[0]}", slower)):
        real = [judge(block) for block in blocks]
        tell(f"{name}, as recorded", real)
        describe(real)
        tell(f"{name}, drawn", [judge(block) for block in drawn])


main()
