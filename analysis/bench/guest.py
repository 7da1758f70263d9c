"""The built-in guests with virtio drivers, under Exeunt and under QEMU's microvm.

A guest's program, its parameters and its device are the same bytes in both; Exeunt loads them as a flat image, QEMU as a ROM
(guest_rom.S). What the guest has counted is read from its RAM, a file, when it has ended.
"""

import re
import shutil
import struct
from pathlib import Path

import measure

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SOURCES = ROOT / "Sources"
# docs/guest-abi.md, "Parameter block".
PARAMETERS = struct.Struct("<IIQIIIIIIIIIIII")
FIELDS = ("magic", "vcpus", "iterations", "spacing", "flags", "tsc_khz", "parameter", "registers", "line", "bytes", "depth",
          "batch", "reads", "flush", "places")
MAGIC = 0x4e584531
WAITS_FOR_INTERRUPTS = 1 << 1
HAS_INTERRUPT_CONTROLLER = 1 << 2
PARAMETER_ADDRESS = 0x7000
LOAD_ADDRESS = 0x10000
# "Report block": magic, failure, iterations, kicks, completions, interrupts.
REPORT = struct.Struct("<IIQQQQ")
REPORT_ADDRESS = 0x7800
REPORT_MAGIC = 0x54505245
# QEMU's first transport: microvm's VIRTIO_MMIO_BASE and IRQ base.
QEMU_DEVICE = {"registers": 0xfeb00000, "line": 5}
# A guest that powers off writes 0x2000 to port 0x604, where QEMU has isa-debug-exit: (0x2000 << 1 | 1) & 0xff.
QEMU_DONE = 1


def block(**given):
    """A parameter block; what is not given is 0."""
    given = {"magic": MAGIC, "vcpus": 1} | given
    return PARAMETERS.pack(*(given.get(field, 0) for field in FIELDS))


class Report:
    """What a guest has left in its RAM."""

    def __init__(self, ram):
        with ram.open("rb") as memory:
            memory.seek(REPORT_ADDRESS)
            magic, failure, self.iterations, self.kicks, self.completions, self.interrupts = REPORT.unpack(
                memory.read(REPORT.size))
        if magic != REPORT_MAGIC or failure:
            raise measure.Failure(f"the guest failed with {failure}" if magic else "the guest left no report")


def forget(ram):
    """Has the next guest find its RAM empty, as it expects; QEMU keeps what is in the file. None where there is no guest."""
    if ram:
        ram.unlink(missing_ok=True)


class Guest:
    """A guest of Sources/CVirtioGuests, and the file that is its RAM."""

    def __init__(self, tools, directory, memory, name, *defines):
        """Compiles it as the package does; `memory` is a directory in memory."""
        self.tools = tools
        self.directory = directory
        self.ram = memory / "ram"
        self.clang = shutil.which("clang")
        if not self.clang:
            raise measure.Failure("clang is not installed; it comes with Swift")
        self.program = directory / f"{name}.bin"
        flags = re.search(r'unsafeFlags\(\[(.*?)\]', (ROOT / "Package.swift").read_text(), re.S)
        built = directory / f"{name}.o"
        tools.call([
            self.clang, "-c", *re.findall(r'"(-[^"]+)"', flags[1]), *(f"-D{define}" for define in defines),
            f"-I{SOURCES / 'CGuestPrograms' / 'include'}", SOURCES / "CVirtioGuests" / f"{name}.c", "-o", built])
        tools.call(["objcopy", "-O", "binary", "-j", "guest_code", built, self.program])

    @staticmethod
    def _block(wait, given):
        flags = HAS_INTERRUPT_CONTROLLER | (WAITS_FOR_INTERRUPTS if wait == "interrupt" else 0)
        return block(flags=flags, **given)

    def exeunt(self, wait, *options, **given):
        """The command that runs it with these parameters and options under Exeunt; `wait` is interrupt or poll."""
        parameters = self._block(wait, given)
        path = self.directory / f"flat-{parameters.hex()}"
        path.write_bytes(parameters.ljust(LOAD_ADDRESS - PARAMETER_ADDRESS, b"\0") + self.program.read_bytes())
        return [self.tools.exeunt, "run", "--flat", path, "--load", f"{PARAMETER_ADDRESS:#x}", "--entry", f"{LOAD_ADDRESS:#x}",
                "--mode", "long", "--memory", "64M", "--mem-path", self.ram, "--serial", "none", *options]

    def qemu(self, wait, *options, **given):
        """The same under QEMU: the guest's device is the first of the options. Ends with QEMU_DONE."""
        parameters = self._block(wait, given | QEMU_DEVICE)
        file, built = self.directory / "parameters", self.directory / "rom.o"
        path = self.directory / f"rom-{parameters.hex()}"
        file.write_bytes(parameters)
        self.tools.call([
            self.clang, "-c", f'-DPARAMETERS="{file}"', f'-DIMAGE="{self.program}"', HERE / "guest_rom.S", "-o", built])
        self.tools.call(["objcopy", "-O", "binary", "-j", ".text", built, path])
        # A guest without a kernel needs no ACPI; virtio without its legacy interface, as Exeunt has it.
        return [self.tools.qemu, "-M", "microvm,acpi=off,pit=on,pic=on,rtc=on,isa-serial=off,memory-backend=ram", "-enable-kvm",
                "-cpu", "host", "-m", "64M", "-object", f"memory-backend-file,id=ram,size=64M,mem-path={self.ram},share=on",
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-name", "bench,debug-threads=on",
                "-bios", path, "-global", "virtio-mmio.force-legacy=false", *options,
                "-device", "isa-debug-exit,iobase=0x604,iosize=0x04", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
