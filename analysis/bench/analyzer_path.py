#!/usr/bin/env python3
"""Instructions that exeunt-analyze executes for an event, as callgrind counts them: the same on a busy machine.

    python3 analysis/bench/analyzer_path.py ANALYZER [--record]

ANALYZER is exeunt-analyze, built for release. It reads traces/mixed over and over, twice with different lengths: the
difference is what events cost, without what is done once. The counts are held against analyzer_path.json: ends with 1 where one is
more than --slack per cent above.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import callgrind
import repeat
from instructions import COMMANDS, events

HERE = Path(__file__).resolve().parent
COMMITTED = HERE / "analyzer_path.json"
TRACE = HERE.parent.parent / "traces" / "mixed"
TIMES = (2, 8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("analyzer", type=Path, help="exeunt-analyze, built for release")
    parser.add_argument("--slack", type=float, default=3, help="per cent more that are no matter (default: %(default)s)")
    parser.add_argument("--record", action="store_true", help="write analyzer_path.json instead")
    options = parser.parse_args()
    callgrind.require("valgrind", "strip")
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        program = callgrind.stripped(options.analyzer, Path(scratch))
        traces = [repeat.repeat(TRACE, Path(scratch) / f"repeated-{times}", times) for times in TIMES]
        counts = [events(program, trace) for trace in traces]
        for name, arguments in COMMANDS.items():
            short, long = (callgrind.instructions([program, *arguments, trace]) for trace in traces)
            found[name] = round((long - short) / (counts[1] - counts[0]), 1)
    what = "instructions per event, of the analyzer with one thread"
    return 0 if callgrind.held(found, COMMITTED, what, options.slack, options.record) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (callgrind.Failure, repeat.Failure) as failure:
        sys.exit(f"analyzer_path: {failure}")
