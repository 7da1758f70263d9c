#!/usr/bin/env python3
"""Instructions per event of exeunt-analyze, as callgrind counts them: the same on a busy machine.

    python3 analysis/bench/instructions.py ANALYZER DIR [--baseline ANALYZER]

Reads a recording of LTTng 2.13, and the same with metadata in the layout of 2.14. Ends with 1 where the second, or the
analyzer beside its baseline, takes more than --slack more. What an analyzer does once for each trace is left out: it is
what it does with files that hold no events.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import callgrind
import translate

COMMANDS = {
    "dump --format none": ["dump", "--format", "none", "--threads", "1"],
    "summary": ["summary", "--threads", "1"],
    "dump (text)": ["dump"],
}


def events(analyzer, directory):
    """The number of events of a recording."""
    done = subprocess.run(
        [analyzer, "dump", "--format", "none", directory], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=True)
    return int(re.search(r"(\d+) events in", done.stdout)[1])


def without_events(directory, copy):
    """The recording with empty data files."""
    shutil.copytree(directory, copy)
    for path in Path(copy).rglob("*"):
        if path.is_file() and path.name != "metadata":
            path.write_bytes(b"")
    return copy


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("analyzer", help="an exeunt-analyze that was built for release")
    parser.add_argument("directory", type=Path, help="a recording of LTTng 2.13")
    parser.add_argument("--baseline", help="another exeunt-analyze, to be held against")
    parser.add_argument("--slack", type=float, default=3, help="per cent more that are no matter (default: %(default)s)")
    options = parser.parse_args()
    callgrind.require("valgrind")
    count = events(options.analyzer, options.directory)
    slower = False

    with tempfile.TemporaryDirectory() as scratch:
        try:
            translated = translate.translate(options.directory, Path(scratch) / "translated")
        except OSError:
            # Another file system: no links.
            shutil.copytree(options.directory, Path(scratch) / "copy")
            translated = translate.translate(Path(scratch) / "copy", Path(scratch) / "translated")
        empty = without_events(options.directory, Path(scratch) / "empty")
        empty_translated = without_events(translated, Path(scratch) / "empty-translated")

        def cost(analyzer, arguments, directory, nothing):
            whole, rest = (callgrind.instructions([analyzer, *arguments, path]) for path in (directory, nothing))
            return (whole - rest) / count

        def judged(value, reference):
            nonlocal slower
            more = 100 * (value / reference - 1)
            slower = slower or more > options.slack
            return f"{value:9.1f} ({more:+.1f} %)"

        print(f"{count} events; instructions per event")
        for name, arguments in COMMANDS.items():
            found = cost(options.analyzer, arguments, options.directory, empty)
            line = f"{name:20} {found:9.1f}   LTTng 2.14: "
            line += judged(cost(options.analyzer, arguments, translated, empty_translated), found)
            if options.baseline:
                before = cost(options.baseline, arguments, options.directory, empty)
                line += f"   baseline {before:9.1f}, now {judged(found, before)}"
            print(line, flush=True)
    return 1 if slower else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except callgrind.Failure as failure:
        sys.exit(f"instructions: {failure}")
