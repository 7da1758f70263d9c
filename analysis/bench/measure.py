"""Runs commands and measures them: wall, user and system time and resident memory of the process itself."""

import statistics
import subprocess
import sys


class Failure(Exception):
    """Something that the benchmark needs did not work; the message is for the user."""


class Run:
    """One run of a command."""

    def __init__(self, wall, user, system, resident, output):
        self.wall = wall
        self.user = user
        self.system = system
        self.resident = resident  # bytes, the largest resident set
        self.output = output

    @property
    def busy(self):
        """Processor time of the process, all threads."""
        return self.user + self.system


class Launcher:
    """Runs commands through launch.c."""

    def __init__(self, program, directory):
        self.program = program
        self.directory = directory

    def run(self, command, expect=(0,), keep_output=False, scratch="used"):
        """Runs `command` (a list) with its output thrown away or kept, and returns a Run. Commands that run at the
        same time need files of their own to note what they used: `scratch`.

        The resources are those of this one process, not of daemons that it talks to.
        """
        result = self.directory / scratch
        done = subprocess.run(
            [self.program, result, *command], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if keep_output else subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            errors="replace", check=False)
        shown = " ".join(map(str, command))
        if done.returncode != 0:
            raise Failure(f"{shown}: cannot be run: {done.stderr.strip()}")
        code, wall, user, system, resident = result.read_text().split()
        if int(code) not in expect:
            said = " / ".join(done.stderr.strip().splitlines()[-5:])
            raise Failure(f"{shown}: ended with {code}" + (f": {said}" if said else ""))
        return Run(float(wall), float(user), float(system), int(resident) * 1024, done.stdout)


def interleave(contenders, rounds, progress):
    """Runs every contender once a round, in turns, so that a slow spell of the machine meets all of them.

    `contenders` maps a name (or a name and a count) to a function that returns a Run. Returns the lists of runs by name.
    """
    runs = {name: [] for name in contenders}
    for number in range(rounds):
        for name, contender in contenders.items():
            shown = name if isinstance(name, str) else " × ".join(map(str, name))
            progress(f"round {number + 1} of {rounds}: {shown}")
            runs[name].append(contender())
    return runs


def median(values):
    return statistics.median(values)


def spread(values):
    """Half the range between the quartiles, in proportion to the median: how far a number can be trusted."""
    if len(values) < 3:
        return None
    low, middle, high = statistics.quantiles(values, n=4)
    return (high - low) / 2 / middle if middle else None


def progress(message):
    """Says on standard error what is going on; nothing of it is a result."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{message}")
    else:
        sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def progress_done():
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
        sys.stderr.flush()
