"""Reading a recorded trace: exeunt-analyze beside babeltrace2 on the same trace, with resident memory."""

import math
import shutil

import measure
import tracing
from table import Table, mebibytes, percent, ratio, seconds

# Two short recordings say how many events an iteration of port-io makes and how many every recording has.
PROBE_ITERATIONS = 1000


def recorded(tools, cache, events, progress=measure.progress):
    """A trace of about `events` events, recorded by the VMM with none lost; kept in `cache` between runs."""
    directory = cache / f"trace-{events}"
    if directory.exists():
        found, lost = tracing.counts(directory)
        if lost == 0 and 0 <= found - events < events / 100:
            return directory, found
        shutil.rmtree(directory)
    probe = cache / "trace-probe"
    least = _record(tools, probe, 1)[1]
    per_iteration = (_record(tools, probe, 1 + PROBE_ITERATIONS)[1] - least) / PROBE_ITERATIONS
    shutil.rmtree(probe, ignore_errors=True)
    iterations = 1 + math.ceil((events - least) / per_iteration)
    progress(f"recording {events} events ({iterations} iterations of port-io, once)")
    found, count, lost = _record(tools, directory, iterations)
    if lost:
        shutil.rmtree(directory)
        raise measure.Failure(f"recording {events} events lost some; run again on a quieter machine")
    return found, count


def _record(tools, directory, iterations):
    shutil.rmtree(directory, ignore_errors=True)
    try:
        tools.run(
            [tools.exeunt, "run", *tools.guest("port-io", iterations=iterations), "--serial", "none", "--trace",
             str(directory)])
        return (directory, *tracing.counts(directory))
    except measure.Failure:
        shutil.rmtree(directory, ignore_errors=True)
        raise


def readers(tools, directory):
    trace = str(directory)
    found = {}
    if tools.babeltrace2:
        found["babeltrace2 -o dummy"] = [tools.babeltrace2, trace, "--output-format", "dummy"]
        found["babeltrace2 (text)"] = [tools.babeltrace2, trace]
    found["exeunt-analyze dump --format none"] = [tools.analyze, "dump", "--format", "none", trace]
    found["exeunt-analyze summary"] = [tools.analyze, "summary", trace]
    found["exeunt-analyze dump (text)"] = [tools.analyze, "dump", trace]
    return found


def compare(tools, traces, rounds):
    """`traces`: (directory, events) in the order of size. Returns the table."""
    table = Table(
        "Reading a trace",
        f"a recording of port-I/O exits, in the page cache, output to /dev/null; medians of {rounds} "
        "interleaved rounds; memory is the largest resident set",
        ["reader", "events", "wall", "±", "CPU", "M events/s", "÷ dummy", "÷ text", "memory"])
    for directory, events in traces:
        commands = readers(tools, directory)
        steps = {name: (lambda command=command: tools.run(command)) for name, command in commands.items()}
        runs = measure.interleave(
            steps, rounds, lambda message: measure.progress(f"{events} events, {message}"))
        measure.progress_done()
        walls = {name: [run.wall for run in runs[name]] for name in runs}

        def speedup(name, reference):
            if reference not in walls:
                return "–"
            return ratio(measure.median([b / a for a, b in zip(walls[name], walls[reference])]))

        for name in commands:
            wall = measure.median(walls[name])
            table.row(
                name, events, seconds(wall), percent(measure.spread(walls[name])),
                seconds(measure.median([run.busy for run in runs[name]])),
                f"{events / wall / 1e6:.1f}", speedup(name, "babeltrace2 -o dummy"),
                speedup(name, "babeltrace2 (text)"),
                mebibytes(max(run.resident for run in runs[name])))
    table.note("÷ columns are how many times faster than babeltrace2 by wall time, medians within a round.")
    table.note("CPU is processor time: above the wall time where a reader works on several processors.")
    return table
