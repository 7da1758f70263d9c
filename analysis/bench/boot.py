"""Booting Linux: Exeunt beside QEMU's microvm, with the same kernel, ramdisk, command line and RAM.

Times are taken from the moment the monitor's process is started to the moment its guest says something on the serial
port, which both connect to standard output. The guest's first instruction is found with a copy of the kernel whose PVH
entry was replaced by code that writes one character.
"""

import os
import select
import struct
import subprocess
import time
from pathlib import Path

import measure
from table import Table, mebibytes, percent, ratio, seconds

MEGABYTES = 64
# What KVM without hardware virtualization needs; Tests/GuestKernel/README.md.
COMMAND_LINE = (
    "console=ttyS0 panic=-1 reboot=k noxsave nosmap clearcpuid=smap,popcnt,rdrand,rdseed,fsgsbase,erms,fsrm "
    "tsc=reliable lpj=10384400")
READY = b"Run /init as init process"
FIRST = b"!"
# mov $0x3f8,%edx; mov $'!',%al; out %al,(%dx); mov $0,%al; out %al,$0xf4; hlt
FIRST_CODE = bytes.fromhex("baf8030000b021eeb000e6f4f4")


class Boot:
    """One boot: seconds until the guest spoke, and the monitor's memory at that moment."""

    def __init__(self, wall, beyond):
        self.wall = wall
        self.beyond = beyond  # bytes resident that are not guest RAM


def first_instruction(kernel, copy):
    """Writes a copy of an ELF64 kernel that says one character at its PVH entry, and ends."""
    data = bytearray(kernel.read_bytes())
    offset, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", data, offset + index * size) for index in range(count)]
    for kind, _, start, _, _, length, _, _ in headers:
        place = start
        while kind == 4 and place + 12 <= start + length:
            name, value, note = struct.unpack_from("<III", data, place)
            content = place + 12 + (name + 3) // 4 * 4
            if note == 18 and data[place + 12:place + 16] == b"Xen\0":
                entry = struct.unpack_from("<I", data, content)[0]
                for load, _, begin, _, physical, bytes_there, _, _ in headers:
                    if load == 1 and physical <= entry < physical + bytes_there:
                        where = begin + entry - physical
                        data[where:where + len(FIRST_CODE)] = FIRST_CODE
                        copy.write_bytes(data)
                        return copy
            place = content + (value + 3) // 4 * 4
    raise measure.Failure(f"{kernel}: no PVH entry")


def beyond_ram(process):
    """Resident bytes of a process without its guest's RAM: in both, the one anonymous mapping of its size."""
    total = 0
    ram = []
    for line in Path(f"/proc/{process}/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            start, end = (int(word, 16) for word in words[0].split("-"))
            # A name is there where the kernel keeps one: [anon:guest-ram].
            is_ram = end - start == MEGABYTES << 20 and (len(words) == 5 or words[5].startswith("[anon:"))
            if is_ram:
                ram.append(words[0])
        elif words[0] == "Rss:" and not is_ram:
            total += int(words[1]) << 10
    if len(ram) != 1:
        raise measure.Failure(f"guest RAM of process {process} was not found in its smaps: {ram}")
    return total


def boot(command, words, limit=600):
    """Runs a monitor until its guest has said `words`, and ends it."""
    begin = time.monotonic()
    with subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE) as process:
        said = b""
        try:
            while words not in said:
                rest = begin + limit - time.monotonic()
                if rest <= 0 or not select.select([process.stdout], [], [], rest)[0]:
                    raise measure.Failure(f"{command[0]}: the guest did not say {words.decode()} within {limit} s")
                chunk = os.read(process.stdout.fileno(), 4096)
                if not chunk:
                    raise measure.Failure(
                        f"{command[0]} ended before its guest said {words.decode()}: "
                        f"{process.stderr.read().decode(errors='replace')[-300:]}")
                said += chunk
            wall = time.monotonic() - begin
            beyond = beyond_ram(process.pid) if words == READY else 0
        finally:
            process.kill()
    return Boot(wall, beyond)


def compare(tools, kernels, directory, rounds):
    """Returns the table."""
    kernel, ramdisk = kernels / "vmlinux", kernels / "initrd"
    if not kernel.exists():
        raise measure.Failure(f"{kernel} is not there: make guest-kernel")
    first = first_instruction(kernel, directory / "first")

    def exeunt(image):
        return [
            tools.exeunt, "run", "--kernel", image, "--initrd", ramdisk, "--append", COMMAND_LINE,
            "--memory", f"{MEGABYTES}M"]

    def qemu(image):
        return [
            tools.qemu, "-M", "microvm,acpi=off,pit=on,pic=on,rtc=on", "-enable-kvm",
            "-cpu", "host,-arch-capabilities,-cx16", "-nodefaults", "-no-user-config", "-nographic", "-no-reboot",
            "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-m", f"{MEGABYTES}M",
            "-kernel", image, "-initrd", ramdisk, "-append", COMMAND_LINE]

    found = {"exeunt": exeunt}
    if tools.qemu:
        found["QEMU -M microvm"] = qemu
    steps = {}
    for name, command in found.items():
        # The start alone is short: several for each boot.
        for again in range(5):
            steps[name, f"start {again + 1}"] = lambda command=command: boot(command(first), FIRST, limit=60)
        steps[name, "boot"] = lambda command=command: boot(command(kernel), READY)
    runs = measure.interleave(steps, rounds, lambda message: measure.progress(f"booting, {message}"))
    measure.progress_done()

    table = Table(
        "Booting Linux",
        f"the kernel of `make guest-kernel` by its PVH entry, {MEGABYTES} MiB of RAM, one vCPU; medians of {rounds} "
        "interleaved boots and five times as many starts, ± half the interquartile range",
        ["monitor", "start → first instruction", "±", "÷ exeunt", "start → /init", "±", "÷ exeunt",
         "memory beyond guest RAM", "÷ exeunt"])
    reference = None
    for name in found:
        starts = [run.wall for again in range(5) for run in runs[name, f"start {again + 1}"]]
        boots = [run.wall for run in runs[name, "boot"]]
        beyond = [run.beyond for run in runs[name, "boot"]]
        reference = reference or (starts, boots, beyond)

        def paired(values, references):
            return ratio(measure.median([value / other for value, other in zip(values, references)]))

        table.row(
            name, f"{measure.median(starts) * 1e3:.1f} ms", percent(measure.spread(starts)),
            paired(starts, reference[0]), seconds(measure.median(boots)), percent(measure.spread(boots)),
            paired(boots, reference[1]), mebibytes(measure.median(beyond)), paired(beyond, reference[2]))
    table.note("÷ exeunt: medians of the ratios taken within each round.")
    table.note("Memory is what is resident when the kernel starts /init, without the guest's RAM (/proc/PID/smaps).")
    table.note("QEMU's start includes its firmware, which hands the kernel over.")
    if not tools.qemu:
        table.note(f"QEMU: {tools.missing['QEMU']}")
    return table
