#!/usr/bin/env python3
"""Instructions that the VMM executes for an exit, as callgrind counts them: the same on a busy machine.

    python3 analysis/bench/exit_path.py PROGRAM [--record]

PROGRAM is `exit-path`, built for release: exits come from an engine without a processor, so what is counted is the VMM's own
way from the end of KVM_RUN to its next beginning, with tracepoints compiled in and nobody listening. The counts are held
against exit_path.json: ends with 1 where one is more than --slack per cent above, and where KVM's own loop was not compiled
together with what handles its exits, which no count of another engine would tell.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import callgrind

KINDS = ["port-write", "port-read", "memory-write", "memory-read", "port-unclaimed"]
COMMITTED = Path(__file__).resolve().parent / "exit_path.json"
# Enough that the start, which differs by some hundred instructions from run to run, is nothing beside them.
COUNT = 100_000


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
    callgrind.require("valgrind", "strip", "nm")
    if not is_specialised(options.program):
        print("KVMVcpu.run is not specialised for VcpuRunner: see VcpuRunner.init and what of KVMVcpu is inlinable.")
        return 1
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        program = callgrind.stripped(options.program, Path(scratch))
        for kind in KINDS:
            rest = callgrind.instructions([program, kind, COUNT])
            found[kind] = round((callgrind.instructions([program, kind, 3 * COUNT]) - rest) / (2 * COUNT), 1)
    what = "instructions per exit, of the VMM alone, not recorded"
    return 0 if callgrind.held(found, COMMITTED, what, options.slack, options.record) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except callgrind.Failure as failure:
        sys.exit(f"exit_path: {failure}")
