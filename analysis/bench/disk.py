"""Requests to a disk: the built-in guest `blk` on Exeunt and on QEMU's microvm, and its requests without any virtual machine.

The guest's program, its parameters and its disk are the same bytes everywhere; Exeunt loads it, QEMU gets it as a ROM
(guest_rom.S). It checks everything that it reads. Each contender also runs with few requests: the difference is what requests
cost, without starting and ending. Processor time is taken of each thread while the run lasts.
"""

import re
import shutil
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
# QEMU's first transport: microvm's VIRTIO_MMIO_BASE and IRQ base.
QEMU_REGISTERS = 0xfeb00000
QEMU_LINE = 5
# A guest that powers off writes 0x2000 to port 0x604, where QEMU has isa-debug-exit: (0x2000 << 1 | 1) & 0xff.
QEMU_DONE = 1
SAMPLE_SECONDS = 0.01


class Sample:
    """One run: wall time, and processor time in seconds of the vCPU's thread and of all others."""

    def __init__(self, wall, vcpu, rest):
        self.wall = wall
        self.vcpu = vcpu
        self.rest = rest


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


def sampled(command, expect):
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
    return Sample(wall, vcpu / 1e9, (sum(time for _, time in used.values()) - vcpu) / 1e9)


class Guest:
    """The image of `blk`, and a ROM of it for QEMU."""

    def __init__(self, tools, directory):
        self.tools = tools
        self.directory = directory
        self.clang = shutil.which("clang")
        if not self.clang:
            raise measure.Failure("clang is not installed; it comes with Swift")
        self.image = directory / "blk.bin"
        flags = re.search(r'unsafeFlags\(\[(.*?)\]', (HERE.parent.parent / "Package.swift").read_text(), re.S)
        built = directory / "blk.o"
        tools._call([
            self.clang, "-c", *re.findall(r'"(-[^"]+)"', flags[1]), f"-I{SOURCES / 'CGuestPrograms' / 'include'}",
            SOURCES / "CVirtioGuests" / "blk.c", "-o", built])
        tools._call(["objcopy", "-O", "binary", "-j", "guest_code", built, self.image])

    def rom(self, count, depth, wait):
        path = self.directory / f"blk-{count}-{depth}-{wait}.rom"
        if path.exists():
            return path
        parameters = self.directory / "parameters"
        flags = HAS_INTERRUPT_CONTROLLER | (WAITS_FOR_INTERRUPTS if wait == "interrupt" else 0)
        parameters.write_bytes(struct.pack(
            PARAMETERS, MAGIC, 1, count, 0, flags, 0, 1, QEMU_REGISTERS, QEMU_LINE, BYTES, depth, depth, 50, 0, PLACES))
        built = self.directory / "rom.o"
        self.tools._call([
            self.clang, "-c", f'-DPARAMETERS="{parameters}"', f'-DIMAGE="{self.image}"', HERE / "guest_rom.S", "-o", built])
        self.tools._call(["objcopy", "-O", "binary", "-j", ".text", built, path])
        return path


def contenders(tools, guest, disk):
    """Maps a contender's name to the command of a run and its exit status, by count, depth and way of waiting."""

    def exeunt(count, depth, wait, aio="io_uring", options=()):
        return [tools.exeunt, "run", "--memory", "64M", "--serial", "none", "--disk", f"{disk},aio={aio}", *options,
                "--guest", "blk", f"iterations={count}", f"depth={depth}", f"batch={depth}", f"wait={wait}",
                f"size={BYTES}", f"places={PLACES}", "reads=50", "flush=0"], 0

    def qemu(count, depth, wait):
        # Its users' advice: a thread of its own for the disk, io_uring, modern virtio.
        return [tools.qemu, "-M", "microvm,acpi=off,pit=on,pic=on,rtc=on,isa-serial=off", "-enable-kvm", "-cpu", "host",
                "-m", "64M", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-name",
                "bench,debug-threads=on", "-bios", guest.rom(count, depth, wait), "-global",
                "virtio-mmio.force-legacy=false", "-object", "iothread,id=io0", "-drive",
                f"file={disk},if=none,id=d0,format=raw,aio=io_uring,cache=writeback", "-device",
                "virtio-blk-device,drive=d0,iothread=io0,bus=virtio-mmio-bus.0", "-device",
                "isa-debug-exit,iobase=0x604,iosize=0x04", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"], QEMU_DONE

    def plain(count, depth, wait):
        return [tools.disk_io, disk, count, depth, BYTES, PLACES], 0

    found = {}
    if tools.qemu:
        found["QEMU -M microvm"] = qemu
    found["exeunt, aio=io_uring"] = exeunt
    # What an I/O thread of QEMU's does unless it is told otherwise (poll-max-ns).
    found["the same, polling 32 µs"] = lambda *given: exeunt(*given, options=("--iothread-poll", "32us"))
    found["exeunt, aio=threads"] = lambda *given: exeunt(*given, aio="threads")
    found["C, no virtual machine"] = plain
    return found


def system_calls(command, expect, directory):
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
    guest = Guest(tools, directory)
    found = contenders(tools, guest, disk)
    for depth, count in counts.items():
        for wait in ("interrupt", "poll"):
            yield table(tools, found, directory, depth, wait, count, rounds)


def table(tools, found, directory, depth, wait, count, rounds):
    steps = {}
    for name, contender in found.items():
        for requests in (count, FEW):
            command, expect = contender(requests, depth, wait)
            steps[name, requests] = lambda command=command, expect=expect: sampled(command, expect)
    runs = measure.interleave(
        steps, rounds, lambda message: measure.progress(f"disk, depth {depth}, {wait}, {message}"))
    measure.progress_done()
    result = Table(
        f"Disk, {depth} under way, the guest {'sleeps until interrupts' if wait == 'interrupt' else 'polls the ring'}",
        f"{count} reads and writes of {BYTES} bytes in turn among {PLACES} places in the page cache, {depth} for each kick, "
        f"medians of {rounds} interleaved rounds, each less the run with {FEW}",
        ["contender", "request", "±", "÷ first", "vCPU's CPU", "÷ first", "other threads' CPU", "÷ first",
         "their system calls"])
    reference = None
    for name in found:
        pairs = list(zip(runs[name, count], runs[name, FEW]))
        values = {
            field: [(getattr(a, field) - getattr(b, field)) / (count - FEW) for a, b in pairs]
            for field in ("wall", "vcpu", "rest")}
        reference = reference or values

        def beside(field):
            if not measure.median(reference[field]) or not measure.median(values[field]):
                return "–"
            return ratio(measure.median([a / b for a, b in zip(values[field], reference[field])]))

        few = 1000
        calls = [system_calls(*found[name](requests, depth, wait), directory) for requests in (FEW + few, FEW)]
        result.row(
            name, microseconds(measure.median(values["wall"])), percent(measure.spread(values["wall"])), beside("wall"),
            microseconds(measure.median(values["vcpu"])), beside("vcpu"),
            microseconds(measure.median(values["rest"])), beside("rest"),
            "–" if None in calls else f"{(calls[0] - calls[1]) / few:.2f}")
    result.note("÷ first: medians of the ratios taken within each round, against the first row.")
    result.note(
        "System calls are those of 1000 requests under strace, which slows both sides; of all threads but the vCPU's.")
    for name, why in tools.missing.items():
        if name == "QEMU":
            result.note(f"{name}: {why}")
    return result
