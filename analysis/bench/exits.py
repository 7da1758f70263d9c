"""The exit round trip: the same guest, 200 000 x `out %al, $0x80` in real mode, under each virtual machine monitor.

Each contender is also run with a single iteration. The difference is what the exits cost, without starting and ending;
both the whole run and the difference are shown.
"""

import shutil
import struct
import tempfile
from pathlib import Path

import measure
import tracing
from table import Table, microseconds, nanoseconds, percent, ratio, seconds

COUNT_OFFSET = 4
ROM_BYTES = 0x10000


class Guests:
    """The flat image with a given count, and the same as a 64 KiB ROM that begins at the reset vector."""

    def __init__(self, image, directory):
        self.image = image
        self.directory = directory

    def flat(self, count):
        path = self.directory / f"port80-{count}.bin"
        path.write_bytes(self._patched(count))
        return path

    def rom(self, count):
        path = self.directory / f"port80-{count}.rom"
        rom = bytearray(b"\xff" * ROM_BYTES)
        image = self._patched(count)
        rom[:len(image)] = image
        # At f000:fff0, where a processor starts: jump to f000:0000, where the last 64 KiB of a ROM are mapped too.
        rom[0xfff0:0xfff5] = b"\xea" + struct.pack("<HH", 0x0000, 0xf000)
        path.write_bytes(rom)
        return path

    def _patched(self, count):
        image = bytearray(self.image)
        struct.pack_into("<I", image, COUNT_OFFSET, count)
        return image


def contenders(tools, guests, traces):
    """Maps a contender's name to a function of the count that returns a Run."""

    def bare(count):
        return tools.run([tools.bare, guests.flat(count)])

    def exeunt(count, *more):
        return tools.run(
            [tools.exeunt, "run", "--flat", guests.flat(count), "--load", "0x10000", "--mode", "real",
             "--serial", "none", *more])

    def traced(count):
        directory = Path(tempfile.mkdtemp(prefix="exits-", dir=traces))
        shutil.rmtree(directory)
        try:
            done = exeunt(count, "--trace", str(directory))
            recorded, lost = tracing.counts(directory)
            if lost:
                raise measure.Failure(f"recording {count} exits lost {lost} of {recorded + lost} events")
            done.events = recorded
            return done
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def kvmtool(count):
        return tools.run(
            [tools.kvmtool, "run", "--kernel", guests.flat(count), "--mem", "64", "--cpus", "1"])

    found = {"bare loop (C)": bare}
    if tools.exeunt:
        found["exeunt, not traced"] = exeunt
        if tools.lttng:
            found["exeunt, every event recorded"] = traced
    if tools.kvmtool:
        found["kvmtool"] = kvmtool
    if tools.qemu:
        found["QEMU -M pc"] = lambda count: qemu(tools, guests, count, "kvm")
    return found


def qemu(tools, guests, count, accelerator):
    """Runs the guest under QEMU; the debug exit device ends it with (0 << 1) | 1."""
    return tools.run(
        [tools.qemu, "-accel", accelerator, "-M", "pc", "-m", "64", "-nodefaults", "-display", "none",
         "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-bios", guests.rom(count)],
        expect=(1,))


def compare_translated(tools, image, directory, count, rounds):
    """The same guest under translators; None where there is nothing to compare.

    An access is a call out of translated code there, some hundred times as fast as an exit: so many more are made.
    """
    if not (tools.exeunt and tools.qemu):
        return None
    guests = Guests(image, directory)
    found = {
        "QEMU -accel tcg": lambda count: qemu(tools, guests, count, "tcg"),
        "exeunt --engine tcg": lambda count: tools.run(
            [tools.exeunt, "run", "--engine", "tcg", "--flat", guests.flat(count), "--load", "0x10000",
             "--mode", "real", "--serial", "none"]),
    }
    count *= 50
    runs = measure.interleave(
        {(name, some): lambda contender=contender, some=some: contender(some)
         for name, contender in found.items() for some in (count, 1)},
        rounds, lambda message: measure.progress(f"translated accesses, {message}"))
    measure.progress_done()
    table = Table(
        "Accesses under translators",
        f"{count} × `out %al, $0x80` in real mode, medians of {rounds} interleaved rounds; *access* is (whole run − "
        "run with one iteration) ÷ iterations, ± half its interquartile range",
        ["contender", "wall", "start + end", "access", "±", "÷ QEMU", "CPU per access", "÷ QEMU", "accesses/s"])
    reference = None
    for name in found:
        pairs = list(zip(runs[name, count], runs[name, 1]))
        each = [(a.wall - b.wall) / (count - 1) for a, b in pairs]
        busy = [(a.busy - b.busy) / (count - 1) for a, b in pairs]
        reference = reference or (each, busy)
        table.row(
            name, seconds(measure.median([a.wall for a, _ in pairs])),
            seconds(measure.median([b.wall for _, b in pairs])), nanoseconds(measure.median(each)),
            percent(measure.spread(each)), paired(each, reference[0]), nanoseconds(measure.median(busy)),
            paired(busy, reference[1]), f"{1 / measure.median(each) / 1e6:.1f} M")
    table.note("÷ QEMU: medians of the ratios taken within each round.")
    table.note("Each is QEMU's translator: QEMU's own, and that of the library that Exeunt finds.")
    return table


def compare(tools, image, directory, count, rounds):
    """Returns the table, and the extra time per recorded event in seconds (or None)."""
    found = contenders(tools, Guests(image, directory), directory)
    steps = {}
    for name, contender in found.items():
        steps[name, count] = lambda contender=contender: contender(count)
        steps[name, 1] = lambda contender=contender: contender(1)
    runs = measure.interleave(
        steps, rounds, lambda message: measure.progress(f"exits, {message}"))
    measure.progress_done()

    table = Table(
        "Exit round trip",
        f"{count} × `out %al, $0x80` in real mode, medians of {rounds} interleaved rounds; *exit* is "
        "(whole run − run with one iteration) ÷ iterations, ± half its interquartile range",
        ["contender", "wall", "÷ bare", "user", "start + end", "exit", "±", "÷ bare", "CPU per exit", "÷ bare"])
    reference = None
    results = {}
    for name in found:
        whole, least = runs[name, count], runs[name, 1]
        exits = [(a.wall - b.wall) / (count - 1) for a, b in zip(whole, least)]
        busy = [(a.busy - b.busy) / (count - 1) for a, b in zip(whole, least)]
        row = {
            "wall": measure.median([run.wall for run in whole]),
            "user": measure.median([run.user for run in whole]),
            "least": measure.median([run.wall for run in least]),
            "exit": measure.median(exits),
            "exits": exits,
            "busy": busy,
            "walls": [run.wall for run in whole],
        }
        results[name] = row
        reference = reference or row
        table.row(
            name, seconds(row["wall"]), paired(row["walls"], reference["walls"]), seconds(row["user"]),
            seconds(row["least"]), microseconds(row["exit"]), percent(measure.spread(exits)),
            paired(exits, reference["exits"]), nanoseconds(measure.median(busy)),
            paired(busy, reference["busy"]))
    table.note("÷ bare: medians of the ratios taken within each round.")
    table.note(
        "CPU per exit is user and system time of the monitor's process in place of wall time: other work on the "
        "machine disturbs it less; LTTng's daemons are not in it.")
    if "exeunt, every event recorded" in results:
        recorded = runs["exeunt, every event recorded", count]
        least = runs["exeunt, every event recorded", 1]
        events = recorded[0].events - least[0].events
        extra = measure.median([
            a - b for a, b in zip(
                results["exeunt, every event recorded"]["busy"], results["exeunt, not traced"]["busy"])])
        per_exit = events / (count - 1)
        table.note(
            f"Recording: {recorded[0].events} events, none lost; {per_exit:.2f} events per exit; traced − not "
            f"traced = {extra * 1e9:.0f} ns of CPU per exit, {extra * 1e9 / per_exit:.0f} ns per event.")
    for name, why in tools.missing.items():
        table.note(f"{name}: {why}")
    return table


def paired(values, references):
    """Ratios within a round, then their median: a slow spell of the machine meets both."""
    return ratio(measure.median([value / reference for value, reference in zip(values, references)]))
