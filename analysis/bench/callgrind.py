"""Instructions as valgrind's callgrind counts them: the same on a busy machine."""

import json
import re
import shutil
import subprocess


class Failure(Exception):
    """Why nothing was counted; the message is for the user."""


def require(*tools):
    """Fails where a program that the counting needs is not installed."""
    packages = {"strip": "binutils", "nm": "binutils"}
    for tool in tools:
        if not shutil.which(tool):
            raise Failure(f"{tool} is not installed: apt-get install {packages.get(tool, tool)}")


def instructions(command):
    """Instructions of one run of a command (a list), whose output is thrown away."""
    words = [str(word) for word in command]
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        raise Failure(f"{' '.join(words)} was not counted: {done.stderr.strip()[-500:]}")
    return int(found[1])


def stripped(program, directory):
    """A copy without debugging information: Debian's valgrind gives up where that is newer than itself."""
    copy = directory / program.name
    subprocess.run(["strip", "--strip-debug", "-o", copy, program], check=True)
    return copy


def held(found, committed, what, slack, record):
    """Holds counts by name against those that `committed`, a file, has; or writes the file.

    Returns whether none is more than `slack` per cent above its own.
    """
    if record:
        committed.write_text(json.dumps(found, indent=2) + "\n")
        return True
    before = json.loads(committed.read_text())
    print(what)
    dearer = False
    for name, value in found.items():
        more = 100 * (value / before[name] - 1)
        dearer = dearer or more > slack
        print(f"{name:20} {value:8.1f}   committed {before[name]:8.1f} ({more:+.1f} %)")
    if dearer:
        print(f"More than {slack:g} % above {committed.name}: find out why, or --record and say why.")
    return not dearer
