"""Requests to a disk: the built-in guest `blk` on Exeunt and on QEMU's microvm, and its requests without any virtual machine.

The guest checks everything that it reads, and keeps the time of each request from its kick to the moment that it finds it
completed. Each contender also runs with few requests: the difference is what requests cost, without starting and ending.
Processor time is taken of each thread while the run lasts.
"""

import array
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import accounting
import costs
import guest
import measure
from table import Table

BYTES = 4096
PLACES = 256
FEW = 64
DISK_BYTES = 64 << 20
# disk0's registers and line.
DEVICE = {"registers": 0xd0100000, "line": 6}
# Behind all that the guest uses.
LATENCIES_ADDRESS = 0x800000
SAMPLE_SECONDS = 0.01


class Sample:
    """One run: seconds of wall time, of processor time; and the guest's report and its requests' times in ticks, where there is
    a guest."""

    def __init__(self, wall, used, ram):
        self.wall = wall
        self.vcpu = used.vcpu
        self.rest = used.rest
        self.report = guest.Report(ram) if ram else None
        if ram:
            with ram.open("rb") as memory:
                memory.seek(LATENCIES_ADDRESS)
                self.ticks = array.array("I", memory.read(4 * self.report.completions))[PLACES:]

    def percentile(self, share):
        """Seconds; by the counter's rate that Linux tells, which all contenders share."""
        rate = float(re.search(r"cpu MHz\s*: ([\d.]+)", Path("/proc/cpuinfo").read_text())[1]) * 1e6
        return statistics.quantiles(self.ticks, n=1000, method="inclusive")[int(share * 1000) - 1] / rate


def run(command, expect, ram, prefix=()):
    """Runs a command and reads its threads' processor time until it ends; what is missed at the end is at most a sample."""
    guest.forget(ram)
    start = time.monotonic()
    with subprocess.Popen(
            [str(word) for word in (*prefix, *command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT) as process:
        threads = accounting.Threads(process.pid)
        used = threads.look()
        while process.poll() is None:
            time.sleep(SAMPLE_SECONDS)
            used = threads.look()
        wall = time.monotonic() - start
        said = process.stdout.read().decode(errors="replace").strip()
    if process.returncode != expect:
        raise measure.Failure(f"{command[0]}: ended with {process.returncode}: {said[-500:]}")
    return Sample(wall, used, ram)


def contenders(tools, blk, disk):
    """Maps a contender's name to a function of count, depth and way of waiting: a run's command, its exit status and RAM."""

    def parameters(count, depth):
        return {"iterations": count, "parameter": 1, "bytes": BYTES, "depth": depth, "batch": depth, "reads": 50,
                "places": PLACES}

    def exeunt(count, depth, wait, aio="io_uring", options=()):
        return blk.exeunt(
            wait, "--disk", f"{disk},aio={aio}", *options, **DEVICE, **parameters(count, depth)), 0, blk.ram

    def qemu(count, depth, wait):
        # Its users' advice: a thread of its own for the disk, io_uring.
        return blk.qemu(
            wait, "-object", "iothread,id=io0", "-drive",
            f"file={disk},if=none,id=d0,format=raw,aio=io_uring,cache=writeback", "-device",
            "virtio-blk-device,drive=d0,iothread=io0,bus=virtio-mmio-bus.0",
            **parameters(count, depth)), guest.QEMU_DONE, blk.ram

    def plain(count, depth, _):
        return [tools.disk_io, disk, count, depth, BYTES, PLACES], 0, None

    found = {}
    if tools.qemu:
        found["QEMU -M microvm"] = qemu
    found["exeunt, aio=io_uring"] = exeunt
    # What an I/O thread of QEMU's does unless it is told otherwise (poll-max-ns).
    found["the same, polling 32 µs"] = lambda *given: exeunt(*given, options=("--iothread-poll", "32us"))
    found["exeunt, aio=threads"] = lambda *given: exeunt(*given, aio="threads")
    found["C, no virtual machine"] = plain
    return found


def compare(tools, directory, counts, rounds):
    """Yields a table for each depth and way of waiting; `counts` are requests by depth."""
    disk = directory / "disk"
    disk.write_bytes(bytes(DISK_BYTES))
    with tempfile.TemporaryDirectory(prefix="exeunt-bench-", dir="/dev/shm") as memory:
        blk = guest.Guest(tools, directory, Path(memory), "blk", f"KEEP_LATENCIES={LATENCIES_ADDRESS:#x}")
        found = contenders(tools, blk, disk)
        for depth, count in counts.items():
            for wait in ("interrupt", "poll"):
                yield table(tools, found, directory, depth, wait, count, rounds)


def table(tools, found, directory, depth, wait, count, rounds):
    """What requests cost with so many under way."""
    steps = {}
    for name, contender in found.items():
        for requests in (count, FEW):
            steps[name, requests] = lambda given=contender(requests, depth, wait): run(*given)
    runs = measure.interleave(
        steps, rounds, lambda message: measure.progress(f"disk, depth {depth}, {wait}, {message}"))
    measure.progress_done()
    result = Table(
        f"Disk, {depth} under way, the guest {'sleeps until interrupts' if wait == 'interrupt' else 'polls the ring'}",
        f"{count} reads and writes of {BYTES} bytes in turn among {PLACES} places in the page cache, {depth} for each kick, "
        f"medians of {rounds} interleaved rounds, each less the run with {FEW}; p50 and p99: kick → seen by the guest",
        costs.heads("request"))
    rows = {}
    for name, contender in found.items():
        pairs = list(zip(runs[name, count], runs[name, FEW]))
        times = {
            field: [(getattr(a, field) - getattr(b, field)) / (count - FEW) for a, b in pairs]
            for field in ("wall", "vcpu", "rest")}
        kicks = interrupts = None
        if pairs[0][0].report:
            times |= {field: [a.percentile(share) for a, _ in pairs] for field, share in (("p50", 0.5), ("p99", 0.99))}
            kicks, interrupts = (
                measure.median([getattr(a.report, field) / a.report.completions for a, _ in pairs])
                for field in ("kicks", "interrupts"))
        calls = [
            accounting.system_calls(
                lambda prefix, given=contender(requests, depth, wait): run(*given, prefix=prefix), directory)
            for requests in (FEW + costs.TRACED, FEW)]
        rows[name] = costs.Costs(
            times, None if None in calls else (calls[0] - calls[1]) / costs.TRACED, kicks, interrupts)
    costs.fill(result, rows)
    if "QEMU" in tools.missing:
        result.note(f"QEMU: {tools.missing['QEMU']}")
    return result
