"""From a guest's kick to the loop that is awake: the built-in guest `doorbell` under Exeunt and under bare_kick.c.

The guest leaves its time stamp counter just before it kicks. Exeunt's side is read from a recording, from the stamp to
`loop_wakeup`; the bare program reads the same counter when epoll_wait returns. Both have the same places: vCPU and loop on a CPU
each, or wherever the kernel puts them.
"""

import array
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

import guest
import measure
import tracing
from table import Table, microseconds, percent, ratio

# `pause` instructions between kicks: the loop is asleep again before the next.
SPACING = 50
# The bits that the analyzer keeps of a time: percentiles are the upper ends of its histograms' bars.
BITS = 8


class Sample:
    """Percentiles of one run, in seconds."""

    def __init__(self, p50, p99):
        self.p50 = p50 / 1e9
        self.p99 = p99 / 1e9


def as_analyzed(nanoseconds):
    """A time as the analyzer's histograms keep it, which round up by less than 1 %."""
    return nanoseconds | (1 << max(0, nanoseconds.bit_length() - BITS)) - 1


def bare(tools, directory, count, cpus):
    """Runs the bare program."""
    parameters, latencies = directory / "parameters", directory / "latencies"
    parameters.write_bytes(guest.block(iterations=count, spacing=SPACING, parameter=1))
    image = directory / "doorbell.bin"
    image.write_bytes(tools.image("doorbell"))
    tools.call([tools.bare_kick, image, parameters, latencies, *cpus])
    parts = statistics.quantiles(array.array("I", latencies.read_bytes()), n=100, method="inclusive")
    return Sample(as_analyzed(int(parts[49])), as_analyzed(int(parts[98])))


def exeunt(tools, directory, count, cpus):
    """Runs and records the guest, and asks the analyzer."""
    trace = directory / "trace"
    shutil.rmtree(trace, ignore_errors=True)
    pins = ["--pin", f"vcpu0={cpus[0]},io0={cpus[1]}"] if cpus else []
    tools.call([
        tools.exeunt, "run", "--trace", trace, *pins,
        *tools.guest("doorbell", iterations=count, spacing=SPACING)])
    recorded, lost = tracing.counts(trace)
    if lost:
        raise measure.Failure(f"recording {count} kicks lost {lost} of {recorded + lost} events")
    done = subprocess.run(
        [tools.analyze, "paths", trace, "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise measure.Failure(f"the recording cannot be analyzed: {done.stderr.decode(errors='replace')}")
    ways = json.loads(done.stdout)["paths"]["paths"]
    kicks = next(way for way in ways if way["kind"] == "ioeventfd")
    arrival = next(stage["latency"] for stage in kicks["stages"] if stage["name"] == "kick_to_arrival")
    if arrival["count"] + kicks["alreadyAwake"] != count:
        raise measure.Failure(f"{arrival['count']} of {count} kicks are in the recording")
    return Sample(arrival["p50"], arrival["p99"])


def compare(tools, directory, count, rounds):
    """The table: both contenders, at each of the places."""
    usable = sorted(os.sched_getaffinity(0))
    places = {"anywhere": ()} | ({"a CPU each": tuple(usable[:2])} if len(usable) > 1 else {})
    found = {"C, epoll": bare}
    if tools.lttng:
        found["exeunt, recorded"] = exeunt
    with tempfile.TemporaryDirectory(prefix="kick-", dir=directory) as scratch:
        runs = measure.interleave({
            (name, place): lambda run=run, cpus=cpus: run(tools, Path(scratch), count, cpus)
            for place, cpus in places.items() for name, run in found.items()
        }, rounds, lambda message: measure.progress(f"kick, {message}"))
    measure.progress_done()
    result = Table(
        "Kick → loop awake",
        f"{count} kicks of the guest `doorbell`, from its time stamp to the thread that is back from epoll_wait; medians of {rounds} "
        "interleaved rounds, ± half the interquartile range",
        ["contender", "vCPU and loop on", "p50", "±", "÷ C", "p99", "±", "÷ C"])
    for place in places:
        for name in found:
            cells = []
            for field in ("p50", "p99"):
                values, references = (
                    [getattr(sample, field) for sample in runs[which, place]] for which in (name, next(iter(found))))
                cells += [
                    microseconds(measure.median(values)), percent(measure.spread(values)),
                    ratio(measure.median([a / b for a, b in zip(values, references)]))]
            result.row(name, place, *cells)
    result.note("÷ C: medians of the ratios taken within each round.")
    result.note("Exeunt records every event meanwhile, none lost; nothing is recorded of the C program.")
    result.note(f"Percentiles are rounded up by less than 1 %, alike in both. The guest pauses {SPACING} times between kicks.")
    return result
