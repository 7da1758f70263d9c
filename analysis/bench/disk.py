"""Requests to a disk: the built-in guest `blk` on Exeunt and on QEMU's microvm, and its requests without any virtual machine.

The guest's program, its parameters and its disk are the same bytes everywhere; Exeunt loads them as a flat image, QEMU as a ROM
(guest_rom.S). The guest checks everything that it reads, and keeps the time of each request from its kick to the moment that it
finds it completed; that and its counts are read from its RAM, a file, when it has ended. Each contender also runs with few
requests: the difference is what requests cost, without starting and ending. Processor time is taken of each thread while the run
lasts.
"""

import array
import re
import shutil
import statistics
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import measure
from table import Table, microseconds, percent, ratio

HERE = Path(__file__).resolve().parent
SOURCES = HERE.parent.parent / "Sources"
BYTES = 4096
PLACES = 256
FEW = 64
DISK_BYTES = 64 << 20
# docs/guest-abi.md, "Parameter block": magic, vCPUs, iterations, spacing, flags, TSC kHz, queues, registers, line, request size,
# depth, batch, reads per cent, flush, places.
PARAMETERS = "<IIQIIIIIIIIIIII"
MAGIC = 0x4e584531
WAITS_FOR_INTERRUPTS = 1 << 1
HAS_INTERRUPT_CONTROLLER = 1 << 2
PARAMETER_ADDRESS = 0x7000
LOAD_ADDRESS = 0x10000
# "Report block": magic, failure, iterations, kicks, completions, interrupts, marks, port and memory accesses, reads, writes.
REPORT = "<IIQQQQQQQQQ"
REPORT_ADDRESS = 0x7800
REPORT_MAGIC = 0x54505245
# Behind all that the guest uses.
LATENCIES_ADDRESS = 0x800000
# disk0's registers and line, and those of QEMU's first transport: microvm's VIRTIO_MMIO_BASE and IRQ base.
EXEUNT_DEVICE = (0xd0100000, 6)
QEMU_DEVICE = (0xfeb00000, 5)
# A guest that powers off writes 0x2000 to port 0x604, where QEMU has isa-debug-exit: (0x2000 << 1 | 1) & 0xff.
QEMU_DONE = 1
SAMPLE_SECONDS = 0.01


class Sample:
    """One run: wall time, and processor time in seconds of the vCPU's thread and of all others; and what the guest has in RAM:
    ticks of each request, and its own counts. None where there is no guest."""

    def __init__(self, wall, vcpu, rest, ram=None):
        self.wall = wall
        self.vcpu = vcpu
        self.rest = rest
        self.ticks = self.kicks = self.interrupts = None
        if ram:
            self._read(ram)

    def _read(self, path):
        with path.open("rb") as ram:
            ram.seek(REPORT_ADDRESS)
            magic, failure, _, kicks, completions, interrupts, *_ = struct.unpack(
                REPORT, ram.read(struct.calcsize(REPORT)))
            if magic != REPORT_MAGIC or failure:
                raise measure.Failure(f"the guest failed with {failure}" if magic else "the guest left no report")
            ram.seek(LATENCIES_ADDRESS)
            ticks = array.array("I", ram.read(4 * completions))
        self.ticks = ticks[PLACES:]
        self.kicks, self.interrupts = kicks / completions, interrupts / completions


def threads(pid):
    """Processor time in ns of each thread of a process by its id, and its name."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            found[int(task.name)] = (name, int((task / "schedstat").read_text().split()[0]))
        except (OSError, ValueError, IndexError):
            continue
    return found


def sampled(command, expect, ram):
    """Runs a command and reads its threads' processor time until it ends; what is missed at the end is at most a sample."""
    start = time.monotonic()
    with subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT) as process:
        used = {}
        while process.poll() is None:
            try:
                used.update(threads(process.pid))
            except OSError:
                pass
            time.sleep(SAMPLE_SECONDS)
        wall = time.monotonic() - start
        said = process.stdout.read().decode(errors="replace").strip()
        if process.returncode != expect:
            raise measure.Failure(f"{command[0]}: ended with {process.returncode}: {said[-500:]}")
    vcpu = sum(time for name, time in used.values() if name.startswith(("vcpu", "CPU ")))
    return Sample(wall, vcpu / 1e9, (sum(time for _, time in used.values()) - vcpu) / 1e9, ram)


class Guest:
    """The guest `blk` with its parameters, as a flat image for Exeunt and as a ROM for QEMU; and the file that is its RAM."""

    def __init__(self, tools, directory, memory):
        self.tools = tools
        self.directory = directory
        self.ram = memory / "ram"
        self.clang = shutil.which("clang")
        if not self.clang:
            raise measure.Failure("clang is not installed; it comes with Swift")
        self.program = directory / "blk.bin"
        flags = re.search(r'unsafeFlags\(\[(.*?)\]', (HERE.parent.parent / "Package.swift").read_text(), re.S)
        built = directory / "blk.o"
        tools.call([
            self.clang, "-c", *re.findall(r'"(-[^"]+)"', flags[1]), f"-DKEEP_LATENCIES={LATENCIES_ADDRESS:#x}",
            f"-I{SOURCES / 'CGuestPrograms' / 'include'}", SOURCES / "CVirtioGuests" / "blk.c", "-o", built])
        tools.call(["objcopy", "-O", "binary", "-j", "guest_code", built, self.program])

    @staticmethod
    def parameters(device, count, depth, wait):
        flags = HAS_INTERRUPT_CONTROLLER | (WAITS_FOR_INTERRUPTS if wait == "interrupt" else 0)
        return struct.pack(PARAMETERS, MAGIC, 1, count, 0, flags, 0, 1, *device, BYTES, depth, depth, 50, 0, PLACES)

    def flat(self, *given):
        path = self.directory / "-".join(map(str, ("flat", *given)))
        block = self.parameters(EXEUNT_DEVICE, *given)
        path.write_bytes(block.ljust(LOAD_ADDRESS - PARAMETER_ADDRESS, b"\0") + self.program.read_bytes())
        return path

    def rom(self, *given):
        path = self.directory / "-".join(map(str, ("rom", *given)))
        block = self.directory / "parameters"
        block.write_bytes(self.parameters(QEMU_DEVICE, *given))
        built = self.directory / "rom.o"
        self.tools.call([
            self.clang, "-c", f'-DPARAMETERS="{block}"', f'-DIMAGE="{self.program}"', HERE / "guest_rom.S", "-o", built])
        self.tools.call(["objcopy", "-O", "binary", "-j", ".text", built, path])
        return path


def contenders(tools, guest, disk):
    """Maps a contender's name to a function of count, depth and way of waiting: a run's command, its exit status and RAM."""

    def exeunt(*given, aio="io_uring", options=()):
        return [tools.exeunt, "run", "--flat", guest.flat(*given), "--load", f"{PARAMETER_ADDRESS:#x}", "--entry",
                f"{LOAD_ADDRESS:#x}", "--mode", "long", "--memory", "64M", "--mem-path", guest.ram, "--serial", "none",
                "--disk", f"{disk},aio={aio}", *options], 0, guest.ram

    def qemu(*given):
        # Its users' advice: a thread of its own for the disk, io_uring, modern virtio.
        return [tools.qemu, "-M", "microvm,acpi=off,pit=on,pic=on,rtc=on,isa-serial=off,memory-backend=ram", "-enable-kvm",
                "-cpu", "host", "-m", "64M", "-object", f"memory-backend-file,id=ram,size=64M,mem-path={guest.ram},share=on",
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-name", "bench,debug-threads=on",
                "-bios", guest.rom(*given), "-global", "virtio-mmio.force-legacy=false", "-object", "iothread,id=io0",
                "-drive", f"file={disk},if=none,id=d0,format=raw,aio=io_uring,cache=writeback", "-device",
                "virtio-blk-device,drive=d0,iothread=io0,bus=virtio-mmio-bus.0", "-device",
                "isa-debug-exit,iobase=0x604,iosize=0x04", "-device",
                "isa-debug-exit,iobase=0xf4,iosize=0x04"], QEMU_DONE, guest.ram

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


def system_calls(command, expect, _, directory):
    """System calls of all threads but vCPUs', which are those that enter the guest; None without strace."""
    if not shutil.which("strace"):
        return None
    log = directory / "calls"
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", log, *map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, check=False)
    if done.returncode != expect:
        return None
    calls, vcpus = {}, set()
    with log.open(errors="replace") as lines:
        for line in lines:
            thread, call = line.split(None, 1)
            if call.startswith(("<...", "---", "+++")):
                continue
            calls[thread] = calls.get(thread, 0) + 1
            if "KVM_RUN" in call:
                vcpus.add(thread)
    return sum(count for thread, count in calls.items() if thread not in vcpus)


def compare(tools, directory, counts, rounds):
    """Yields a table for each depth and way of waiting; `counts` are requests by depth."""
    disk = directory / "disk"
    disk.write_bytes(bytes(DISK_BYTES))
    with tempfile.TemporaryDirectory(prefix="exeunt-bench-", dir="/dev/shm") as memory:
        found = contenders(tools, Guest(tools, directory, Path(memory)), disk)
        for depth, count in counts.items():
            for wait in ("interrupt", "poll"):
                yield table(tools, found, directory, depth, wait, count, rounds)


def percentile(sample, share):
    """Seconds; by the counter's rate that Linux tells, which all contenders share."""
    rate = float(re.search(r"cpu MHz\s*: ([\d.]+)", Path("/proc/cpuinfo").read_text())[1]) * 1e6
    return statistics.quantiles(sample.ticks, n=1000, method="inclusive")[int(share * 1000) - 1] / rate


def table(tools, found, directory, depth, wait, count, rounds):
    steps = {}
    for name, contender in found.items():
        for requests in (count, FEW):
            run = contender(requests, depth, wait)
            steps[name, requests] = lambda run=run: sampled(*run)
    runs = measure.interleave(
        steps, rounds, lambda message: measure.progress(f"disk, depth {depth}, {wait}, {message}"))
    measure.progress_done()
    result = Table(
        f"Disk, {depth} under way, the guest {'sleeps until interrupts' if wait == 'interrupt' else 'polls the ring'}",
        f"{count} reads and writes of {BYTES} bytes in turn among {PLACES} places in the page cache, {depth} for each kick, "
        f"medians of {rounds} interleaved rounds, each less the run with {FEW}; p50 and p99: kick → seen by the guest",
        ["contender", "request", "±", "÷ first", "p50", "÷ first", "p99", "÷ first", "vCPU's CPU", "÷ first",
         "other threads' CPU", "÷ first", "their calls", "kicks", "interrupts"])
    reference = None
    for name in found:
        pairs = list(zip(runs[name, count], runs[name, FEW]))
        values = {
            field: [(getattr(a, field) - getattr(b, field)) / (count - FEW) for a, b in pairs]
            for field in ("wall", "vcpu", "rest")}
        if pairs[0][0].ticks:
            values |= {field: [percentile(a, share) for a, _ in pairs] for field, share in (("p50", 0.5), ("p99", 0.99))}
        reference = reference or values

        def beside(field, values=values):
            # With few requests the difference drowns in what starting and ending took.
            if field not in values or min(measure.median(each[field]) for each in (values, reference)) <= 0:
                return ["–", "–"]
            shown = microseconds(measure.median(values[field]))
            return [shown, ratio(measure.median([a / b for a, b in zip(values[field], reference[field])]))]

        few = 1000
        calls = [system_calls(*found[name](requests, depth, wait), directory) for requests in (FEW + few, FEW)]
        wall, wall_ratio = beside("wall")
        counted = [
            "–" if pairs[0][0].ticks is None else f"{measure.median([getattr(a, field) for a, _ in pairs]):.3f}"
            for field in ("kicks", "interrupts")]
        result.row(
            name, wall, percent(measure.spread(values["wall"])), wall_ratio, *beside("p50"), *beside("p99"),
            *beside("vcpu"), *beside("rest"), "–" if None in calls else f"{(calls[0] - calls[1]) / few:.2f}", *counted)
    result.note("÷ first: medians of the ratios taken within each round, against the first row.")
    result.note("–: there is none, or it is too small to be told from starting and ending: more --requests.")
    result.note("Calls, kicks and interrupts are for each request; kicks and interrupts by the guest's own count.")
    result.note("System calls are those of 1000 requests under strace, which slows both sides; of all threads but the vCPU's.")
    if "QEMU" in tools.missing:
        result.note(f"QEMU: {tools.missing['QEMU']}")
    return result
