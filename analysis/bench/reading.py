"""Reading a recorded trace: exeunt-analyze beside babeltrace2 on the same trace, with resident memory."""

import concurrent.futures
import math
import os
import shutil

import measure
import tracing
import translate
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


def recorded_streams(tools, cache, streams, events):
    """A trace of `streams` streams that overlap in time: as many recordings at once as it takes with one for each CPU.
    The guests are many more than the CPUs, so the scheduler moves them and all streams fill; kept in `cache`."""
    directory = cache / f"trace-{streams}-streams-{events}"
    if directory.exists():
        found, lost = tracing.counts(directory)
        if lost == 0 and found >= events:
            return directory, found
    guests = streams // os.cpu_count()
    buffers = ["--trace-subbuf-size", "4M", "--trace-subbufs", "4"]

    def record(number, iterations):
        tools.run(
            [tools.exeunt, "run", *tools.guest("port-io", iterations=iterations), "--serial", "none", *buffers,
             "--trace", str(directory / f"guest{number:02}")],
            scratch=f"used-{number}")

    def anew():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()

    with tracing.SessionDaemon():
        anew()
        record(0, PROBE_ITERATIONS)
        iterations = math.ceil(1.05 * PROBE_ITERATIONS * events / guests / tracing.counts(directory)[0])
        anew()
        measure.progress(f"recording {events} events in {streams} streams ({guests} guests at once, once)")
        with concurrent.futures.ThreadPoolExecutor(guests) as pool:
            list(pool.map(lambda number: record(number, iterations), range(guests)))
    found, lost = tracing.counts(directory)
    if lost:
        shutil.rmtree(directory)
        raise measure.Failure(f"recording {streams} streams lost {lost} events; run again on a quieter machine")
    return directory, found


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


def translated(cache, directory):
    """The same recording in the layout of LTTng 2.14."""
    try:
        return translate.translate(directory, cache / f"{directory.name}-lttng-2.14")
    except translate.Failure as failure:
        raise measure.Failure(f"{directory} cannot be translated: {failure}") from failure


def readers(tools, directory):
    trace = str(directory)
    found = {}
    for name, program in tools.babeltrace2s.items():
        found[f"{name} -o dummy"] = [program, trace, "--output-format", "dummy"]
        found[f"{name} (text)"] = [program, trace]
    found["exeunt-analyze dump --format none"] = [tools.analyze, "dump", "--format", "none", trace]
    found["exeunt-analyze summary"] = [tools.analyze, "summary", trace]
    found["exeunt-analyze dump (text)"] = [tools.analyze, "dump", trace]
    # The same bits: it has to be as fast.
    other = str(translated(tools.cache, directory))
    found["dump --format none, LTTng 2.14's layout"] = [tools.analyze, "dump", "--format", "none", other]
    return found


def compare(tools, traces, rounds):
    """`traces`: (directory, events, streams) in the order of size. Returns the table."""
    table = Table(
        "Reading a trace",
        f"recordings of port-I/O exits, and of many guests at once, in the page cache, output to /dev/null; medians of {rounds} "
        "interleaved rounds; memory is the largest resident set",
        ["reader", "events", "streams", "wall", "±", "CPU", "M events/s", "÷ dummy", "÷ text", "memory"])
    for directory, events, streams in traces:
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
                name, events, streams, seconds(wall), percent(measure.spread(walls[name])),
                seconds(measure.median([run.busy for run in runs[name]])),
                f"{events / wall / 1e6:.1f}", speedup(name, "babeltrace2 -o dummy"),
                speedup(name, "babeltrace2 (text)"),
                mebibytes(max(run.resident for run in runs[name])))
    table.note("÷ columns are how many times faster than babeltrace2 by wall time, medians within a round.")
    table.note("CPU is processor time: above the wall time where a reader works on several processors.")
    return table
