#!/usr/bin/env python3
"""Instructions that the VMM executes for an exit, as callgrind counts them: the same on a busy machine.

    python3 analysis/bench/exit_path.py PROGRAM [--record]

PROGRAM is `exit-path`, built for release: exits come from an engine without a processor, so what is counted is the VMM's own
way from the end of KVM_RUN to its next beginning, with tracepoints compiled in and nobody listening. The counts are held
against exit_path.json: ends with 1 where one is more than --slack per cent above, and where KVM's own loop was not compiled
together with what handles its exits, which no count of another engine would tell.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

KINDS = ["port-write", "port-read", "memory-write", "memory-read", "port-unclaimed"]
COMMITTED = Path(__file__).resolve().parent / "exit_path.json"
# Enough that the start, which differs by some hundred instructions from run to run, is nothing beside them.
COUNT = 100_000


def instructions(program, kind, count):
    """Instructions of one run."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(program), kind, str(count)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"exit_path: {program} {kind} {count} was not counted: {done.stderr.strip()[-500:]}")
    return int(found[1])


def is_specialised(program):
    """Whether KVM's loop is there for the machine's runner alone, with no indirect call for an exit: a "Tg5" of the compiler's."""
    names = subprocess.run(["nm", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    return re.search(r"KVMVcpuC3run\S*RunnerC_Tg\d", names) is not None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path, help="exit-path, built for release")
    parser.add_argument("--slack", type=float, default=3, help="per cent more that are no matter (default: %(default)s)")
    parser.add_argument("--record", action="store_true", help="write exit_path.json instead")
    options = parser.parse_args()
    for tool, package in (("valgrind", "valgrind"), ("strip", "binutils"), ("nm", "binutils")):
        if not shutil.which(tool):
            sys.exit(f"exit_path: {tool} is not installed: apt-get install {package}")

    if not is_specialised(options.program):
        print("KVMVcpu.run is not specialised for VcpuRunner: see VcpuRunner.init and what of KVMVcpu is inlinable.")
        return 1
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        # Debian's valgrind gives up where it finds debugging information newer than itself.
        program = Path(scratch) / options.program.name
        subprocess.run(["strip", "--strip-debug", "-o", program, options.program], check=True)
        for kind in KINDS:
            rest = instructions(program, kind, COUNT)
            found[kind] = round((instructions(program, kind, 3 * COUNT) - rest) / (2 * COUNT), 1)
    if options.record:
        COMMITTED.write_text(json.dumps(found, indent=2) + "\n")
        return 0
    committed = json.loads(COMMITTED.read_text())
    print("instructions per exit, of the VMM alone, not recorded")
    dearer = False
    for kind, value in found.items():
        more = 100 * (value / committed[kind] - 1)
        dearer = dearer or more > options.slack
        print(f"{kind:15} {value:7.1f}   committed {committed[kind]:7.1f} ({more:+.1f} %)")
    if dearer:
        print(f"More than {options.slack:g} % above {COMMITTED.name}: find out why, or --record and say why.")
    return 1 if dearer else 0


if __name__ == "__main__":
    sys.exit(main())
