#!/usr/bin/env python3
"""`make bench`: what Exeunt costs, beside its peers and in the same run.

Every number stands beside a reference taken minutes before or after it on the same machine, in turns; what counts is
the ratio. Nothing is installed or changed outside the build and cache directories; network namespaces go away again.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import boot
import decoding
import disk
import exits
import kick
import measure
import network
import reading
import tracing

# LTTng writes a stream for each CPU.
CPU_STREAMS = os.cpu_count()
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PARTS = ["exits", "boot", "disk", "network", "kick", "tracepoints", "reading"]


class Tools:
    """What takes part, and why what does not take part is missing."""

    def __init__(self, cache, build, other_babeltrace2=None):
        self.missing = {}
        self.cache = cache
        self.lttng = shutil.which("lttng-sessiond") and shutil.which("lttng")
        self.babeltrace2 = shutil.which("babeltrace2")
        if not self.babeltrace2:
            raise measure.Failure("babeltrace2 is not installed: apt-get install babeltrace2")
        self.babeltrace2s = {"babeltrace2": self.babeltrace2}
        if other_babeltrace2:
            self.babeltrace2s[self._version(other_babeltrace2)] = other_babeltrace2
        self.qemu = shutil.which("qemu-system-x86_64")
        if not self.qemu:
            self.missing["QEMU"] = "not installed (apt-get install qemu-system-x86)"
        self.kvmtool = shutil.which("lkvm") or shutil.which("kvmtool")
        if not self.kvmtool:
            self.missing["kvmtool"] = "not installed (Debian has no package of it)"
        self.compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
        if not self.compiler:
            raise measure.Failure("no C compiler found: apt-get install gcc")
        self.run = measure.Launcher(self._compile("launch", [HERE / "launch.c"], []), cache).run
        self.bare = self._compile("bare_kvm", [HERE / "bare_kvm.c"], [])
        self.ctf_decode = self._compile("ctf_decode", [HERE / "ctf_decode.c"], [])
        self.disk_io = self._compile("disk_io", [HERE / "disk_io.c"], ["-luring"])
        self.echo_client = self._compile("echo_client", [HERE / "echo_client.c"], [])
        self.tap_echo = self._compile("tap_echo", [HERE / "tap_echo.c"], [])
        self.bare_kick = self._compile("bare_kick", [HERE / "bare_kick.c"], ["-pthread"])
        provider = ROOT / "Sources" / "CTracepoints"
        self.tracepoint_cost = self._compile(
            "tracepoint_cost", [HERE / "tracepoint_cost.c", *sorted(provider.glob("*.c"))],
            [f"-I{provider / 'include'}", "-llttng-ust", "-ldl"])
        self.exeunt = self._product("exeunt", build)
        self.analyze = self._product("exeunt-analyze", build)

    @staticmethod
    def _version(program):
        """The name and version of another babeltrace2, for a row."""
        try:
            done = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise measure.Failure(f"{program} is no babeltrace2: {error}") from error
        found = re.search(r"\d+(\.\d+)+\S*", done.stdout)
        return f"babeltrace2 {found[0] if found else program}"

    def guest(self, name, **parameters):
        """The arguments of `exeunt run` for a built-in guest."""
        return ["--guest", name, *(f"{key}={value}" for key, value in parameters.items())]

    def image(self, name):
        """The flat image of a guest in assembly, from the source that the package builds."""
        built = self.cache / f"{name}.o"
        flat = self.cache / f"{name}.bin"
        self.call([self.compiler, "-c", ROOT / "Sources" / "CGuestPrograms" / f"{name}.S", "-o", built])
        self.call(["objcopy", "-O", "binary", "-j", ".rodata", built, flat])
        return flat.read_bytes()

    def _compile(self, name, sources, options):
        built = self.cache / name
        self.call([self.compiler, "-O2", "-Wall", *sources, *options, "-o", built])
        return str(built)

    def _product(self, name, build):
        if build:
            measure.progress(f"building {name} (release)")
            self.call([
                "swift", "build", "-c", "release", "--static-swift-stdlib", "--package-path", ROOT, "--product", name])
        where = subprocess.run(
            ["swift", "build", "-c", "release", "--package-path", ROOT, "--show-bin-path"],
            stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        path = Path(where) / name
        if not path.exists():
            raise measure.Failure(f"{path} is not there: run without --no-build")
        return str(path)

    @staticmethod
    def call(command):
        done = subprocess.run(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False)
        if done.returncode != 0:
            raise measure.Failure(f"{' '.join(map(str, command))}:\n{done.stdout.strip()}")


def machine():
    """The machine in one line: processor, kernel, KVM, load."""

    def first(path, key):
        try:
            for line in Path(path).read_text().splitlines():
                if line.startswith(key):
                    return line.split(":", 1)[1].strip()
        except OSError:
            pass
        return "?"

    modules = [name for name in ("kvm_intel", "kvm_amd", "kvm_pvm") if Path(f"/sys/module/{name}").exists()]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return (
        f"{first('/proc/cpuinfo', 'model name')}, {os.cpu_count()} CPUs, {memory:.0f} GiB, "
        f"Linux {platform.release()}, {', '.join(modules) or 'KVM of unknown kind'}, "
        f"load average at the start {os.getloadavg()[0]:.2f}")


def parts(options):
    """The tables, one after the other."""
    options.cache.mkdir(parents=True, exist_ok=True)
    tools = Tools(options.cache, build=not options.no_build, other_babeltrace2=options.babeltrace2)
    if "exits" in options.parts:
        with tempfile.TemporaryDirectory(prefix="work-", dir=options.cache) as directory:
            yield exits.compare(tools, tools.image("port80"), Path(directory), options.iterations, options.rounds)
            translated = exits.compare_translated(
                tools, tools.image("port80"), Path(directory), options.iterations, options.rounds)
            if translated:
                yield translated
    if "boot" in options.parts:
        with tempfile.TemporaryDirectory(prefix="work-", dir=options.cache) as directory:
            yield boot.compare(tools, options.guest_kernel, Path(directory), options.boots)
    if "disk" in options.parts:
        with tempfile.TemporaryDirectory(prefix="work-", dir=options.cache) as directory:
            yield from disk.compare(
                tools, Path(directory), {1: options.requests, 32: 2 * options.requests}, options.rounds)
    if "network" in options.parts:
        with tempfile.TemporaryDirectory(prefix="work-", dir=options.cache) as directory:
            yield from network.compare(
                tools, Path(directory), {1: options.requests, 32: 2 * options.requests}, options.rounds)
    if "kick" in options.parts:
        yield kick.compare(tools, options.cache, options.requests, options.rounds)
    if "tracepoints" in options.parts:
        yield tracing.cost(
            tools, options.cache, options.tracepoints, 100 * options.tracepoints, options.rounds)
    if "reading" in options.parts:
        traces = [(*reading.recorded(tools, options.cache, events), CPU_STREAMS) for events in options.events]
        if options.streams:
            traces.append(
                (*reading.recorded_streams(tools, options.cache, options.streams, max(options.events)),
                 options.streams))
        yield reading.compare(tools, traces, options.reading_rounds)
        yield decoding.compare(tools, traces, options.reading_rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--iterations", type=int, default=200_000, help="exits in each run (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each comparison (default: %(default)s)")
    parser.add_argument(
        "--reading-rounds", type=int, default=3, help="rounds of reading traces (default: %(default)s)")
    parser.add_argument(
        "--tracepoints", type=int, default=1_000_000, help="tracepoints emitted (default: %(default)s)")
    parser.add_argument(
        "--events", type=int, nargs="+", default=[1_000_000, 10_000_000], help="sizes of the traces read")
    parser.add_argument(
        "--streams", type=int, default=64,
        help="streams of one more trace, as large as the largest; a multiple of the CPUs, 0 for none "
        "(default: %(default)s)")
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS,
        help="which comparisons to make; network needs root (default: all)")
    parser.add_argument(
        "--requests", type=int, default=10_000,
        help="requests to a disk, packets and kicks, one at a time; twice as many where 32 are under way (default: %(default)s)")
    parser.add_argument(
        "--babeltrace2", default=os.environ.get("BABELTRACE2"), metavar="PROGRAM",
        help="another babeltrace2 to read with, beside the installed one (default: $BABELTRACE2)")
    parser.add_argument("--boots", type=int, default=3, help="rounds of booting Linux (default: %(default)s)")
    parser.add_argument(
        "--guest-kernel", type=Path, default=ROOT / ".cache" / "guest-kernel",
        help="where `make guest-kernel` put the kernel")
    parser.add_argument("--markdown", action="store_true", help="print the tables for docs/benchmarks.md")
    parser.add_argument("--no-build", action="store_true", help="use the release build that is there")
    parser.add_argument(
        "--cache", type=Path, default=ROOT / ".cache" / "bench", help="recorded traces and C programs")
    options = parser.parse_args()
    if min([options.iterations - 1, options.rounds, options.reading_rounds, options.tracepoints, options.boots,
            options.requests - disk.FEW, *options.events]) < 1:
        parser.error("counts must be at least 1, and iterations at least 2")
    if options.streams < 0 or options.streams % CPU_STREAMS:
        parser.error("each recording has a stream for each CPU: the number of streams has to be a multiple")
    try:
        described = machine()
        print(f"Machine: {described}\n")
        for table in parts(options):
            print(table.markdown() if options.markdown else table.text(), flush=True)
    except measure.Failure as failure:
        measure.progress_done()
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        measure.progress_done()
        sys.exit(130)


if __name__ == "__main__":
    main()
