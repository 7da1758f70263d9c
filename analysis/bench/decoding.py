"""Decoding with one thread: exeunt-analyze beside a C program that knows the layout of the trace (ctf_decode.c)."""

import copy
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import callgrind
import measure
import repeat
import translate
from instructions import without_events
from table import Table, percent, ratio, seconds

C_DECODER = "hard-coded C decoder"
READER = "exeunt-analyze dump --format none"
MODULUS = 1 << 64
# Every event is summed here in Python, so this is done with one trace: the others are recorded alike.
MOST_SUMMED = 2_000_000


def commands(tools, directory):
    return {
        C_DECODER: [tools.ctf_decode, *map(str, repeat.data_files(directory))],
        READER: [tools.analyze, "dump", "--format", "none", "--threads", "1", str(directory)],
    }


def totals(tools, directory):
    """Events, the sum of their fields and that of their clocks, as the C decoder has them."""
    words = tools.run(commands(tools, directory)[C_DECODER], keep_output=True).output.split()
    return tuple(map(int, words))


def summed(tools, directory):
    """The same from what exeunt-analyze prints of each event."""
    offsets = {
        int(found) for path in Path(directory).rglob("metadata")
        for found in re.findall(r"\boffset = (\d+);", translate.text(path.read_bytes()))}
    if len(offsets) != 1:
        raise measure.Failure(f"{directory} has {len(offsets)} clocks: their times cannot be summed")

    def value(field):
        if isinstance(field, str):
            return sum(field.encode())
        return field["value"] if isinstance(field, dict) else field

    events, fields, clocks = 0, 0, 0
    with subprocess.Popen(
            [tools.analyze, "dump", "--format", "json", "--big-integers", "number", str(directory)],
            stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            event = json.loads(line)
            events += 1
            fields += sum(map(value, event["fields"].values()))
            clocks += event["timestamp"]
    if process.returncode != 0:
        raise measure.Failure(f"{directory} cannot be dumped")
    return events, fields % MODULUS, (clocks - events * offsets.pop()) % MODULUS


def check(tools, directory, events):
    """Both have to read the same: nothing is compared otherwise."""
    found = totals(tools, directory)
    if found[0] != events:
        raise measure.Failure(f"ctf_decode reads {found[0]} events of {directory}, not {events}")
    if events > MOST_SUMMED:
        return
    expected = summed(tools, directory)
    if found != expected:
        raise measure.Failure(
            f"ctf_decode and exeunt-analyze read {directory} differently (events, fields, clocks): {found}, {expected}")


def instructions_per_event(tools, directory, events):
    """By decoder, without what each does for files that hold no events; nothing where valgrind is not installed, cannot read the
    program's debugging information, or would take too long."""
    if events > MOST_SUMMED or not (shutil.which("valgrind") and shutil.which("strip")):
        return {}
    with tempfile.TemporaryDirectory() as scratch:
        tools = copy.copy(tools)
        tools.analyze = str(callgrind.stripped(Path(tools.analyze), Path(scratch)))
        empty = without_events(directory, Path(scratch) / "empty")
        whole, rest = commands(tools, directory), commands(tools, empty)
        try:
            return {
                name: (callgrind.instructions(whole[name]) - callgrind.instructions(rest[name])) / events for name in whole}
        except callgrind.Failure:
            return {}


def compare(tools, traces, rounds):
    """`traces`: (directory, events, streams). Returns the table."""
    table = Table(
        "Decoding, one thread",
        f"every field of every event, without an order among streams; medians of {rounds} interleaved rounds; instructions by "
        "callgrind, without the start",
        ["decoder", "events", "streams", "wall", "±", "CPU", "× C", "instructions per event"])
    for directory, events, streams in traces:
        measure.progress(f"{events} events: do both decoders read the same")
        check(tools, directory, events)
        words = commands(tools, directory)
        runs = measure.interleave(
            {name: (lambda command=command: tools.run(command)) for name, command in words.items()}, rounds,
            lambda message: measure.progress(f"{events} events, {message}"))
        measure.progress_done()
        walls = {name: [run.wall for run in runs[name]] for name in runs}
        busy = {name: [run.busy for run in runs[name]] for name in runs}
        counted = instructions_per_event(tools, directory, events)
        for name in words:
            table.row(
                name, events, streams, seconds(measure.median(walls[name])), percent(measure.spread(walls[name])),
                seconds(measure.median(busy[name])),
                ratio(measure.median([b / a for a, b in zip(busy[name], busy[C_DECODER])])),
                f"{counted[name]:.1f}" if name in counted else "–")
    table.note("× C is the speed in proportion to the C decoder's, by processor time, the median within a round.")
    table.note("Both read the same number of events, and in the shortest trace the same sums of fields and clocks, or nothing is printed.")
    return table
