#!/usr/bin/env python3
"""What the x86 programs of kvm-unit-tests do under `exeunt` and under QEMU, on this host's KVM: a table for docs/kernels.md.

    python3 analysis/kvm_unit_tests.py --suite DIR --exeunt EXEUNT [--qemu QEMU] [--qemu-cpu-without FEATURES] [--timeout S] [--only NAME …] [--json FILE]
    python3 analysis/kvm_unit_tests.py --table FILE

DIR is the suite's own directory, configured (--arch=x86_64) and built, and not changed: every entry of x86/unittests.cfg is run as it
says, with its program, arguments, processors, memory and time limit, but no longer than --timeout. What QEMU is told of its processor (-cpu) has no counterpart;
--pmu on stands for it where an entry is about performance counters. An entry passes where its program says so by the debug exit
port: status 1 is success, 77 that there is nothing to test here. Those that need another accelerator or architecture are named and left out.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# (value << 1) | 1, where the programs halve the 77 of their harness before they write it.
PASSED, SKIPPED = 1, 77
# The status that QEMU is given here where it did not start.
REFUSED = -1


def entries(text):
    """The sections of unittests.cfg, in order: names with their settings."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip()
        if heading := re.fullmatch(r"\[(.+)\]", line):
            found.append({"name": heading[1]})
        elif found and (setting := re.fullmatch(r"(\w+)\s*=\s*(.*)", line)):
            found[-1][setting[1]] = setting[2]
    return found


def words(text):
    """Words of a setting, whose variables are those of the suite's scripts."""
    return shlex.split(text.replace("$MAX_SMP", "2").replace("$(($MAX_SMP>4?4:$MAX_SMP))", "2").replace("$TIMEOUT", ""))


def seconds(entry, most):
    wanted = entry.get("timeout", "90").rstrip("s")
    return min(most, int(wanted)) if wanted.isdigit() and int(wanted) > 0 else most


def processors(entry):
    digits = re.match(r"\d+", entry.get("smp", "1"))
    return int(digits[0]) if digits else 2


def arguments(entry):
    """The program's own arguments, in one string, without the quotes of the file."""
    return " ".join(words(entry.get("test_args", "")))


def memory(parameters):
    for place, word in enumerate(parameters):
        if word == "-m" and place + 1 < len(parameters):
            return parameters[place + 1]
    return "128"


def exeunt(options, entry, program, limit):
    parameters = words(entry.get("qemu_params", entry.get("extra_params", "")))
    size = memory(parameters)
    command = [options.exeunt, "run", "--kernel", program, "--append=" + f"{program} {arguments(entry)}".strip(), "--cpus", str(processors(entry)),
               "--memory", size.upper() if size[-1] in "MGmg" else size + "M", "--timeout", f"{limit}s"]
    if "pmu" in entry["name"]:
        command += ["--pmu", "on"]
    return run(command, limit + 10)


def qemu(options, entry, program, limit):
    parameters = words(entry.get("qemu_params", entry.get("extra_params", "")))
    if options.qemu_cpu_without:
        # Models that have all that the host has are those that may have too much.
        without = "".join(f",-{feature}" for feature in options.qemu_cpu_without.split(","))
        parameters = [word + without if before == "-cpu" and re.match("(max|host)", word) else word
                      for before, word in zip([""] + parameters, parameters)]
    command = [options.qemu, "--no-reboot", "-nodefaults", "-device", "pc-testdev", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x4", "-display", "none",
               "-serial", "stdio", "-device", "pci-testdev", "-machine", "accel=kvm", "-kernel", program, "-append", arguments(entry),
               "-smp", str(processors(entry))] + parameters
    result = run(command, limit)
    # What it says before any guest does: it has the model or property not, or cannot have it on this KVM.
    if result["status"] not in (None, SKIPPED) and result["own"]:
        result["status"] = REFUSED
    return result


def run(command, limit):
    """What a program said and how it ended; its status is None where it did not end."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        output, _ = process.communicate(timeout=limit)
        status = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        status = None
    text = output.decode(errors="replace")
    lines = text.splitlines()
    return {"status": status, "seconds": round(time.monotonic() - begin, 1), "passes": sum(line.startswith("PASS") for line in lines),
            "failures": [line for line in lines if line.startswith("FAIL")][:20], "last": [line for line in lines if line.strip()][-3:],
            "ending": ending(text), "own": bool(lines) and all(line.startswith("qemu-system") for line in lines)}


def ending(text):
    """Why a program did not end by itself, of what `exeunt` says of it, in a few words."""
    if found := re.search(r"could not emulate an instruction \(([0-9a-f ]+)\)", text):
        return f"KVM does not emulate `{instruction(found[1])}`"
    if "still running after" in text:
        places = re.findall(r"bytes at rip: ([0-9a-f ]+)", text)
        if any(place.startswith("0f 01 c1") for place in places):
            return "KVM does not come back from `vmcall`"
        return ""
    if found := re.search(r"^exeunt: (?:vcpu\d+: )?(.*(?:triple fault|KVM_EXIT|went to sleep).*)$", text, re.MULTILINE):
        return found[1]
    return ""


def instruction(code):
    """The first instruction of some bytes in hexadecimal, by binutils where that is there."""
    data = bytes.fromhex(code)
    try:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            listing = subprocess.run(["objdump", "-D", "-b", "binary", "-m", "i386:x86-64", file.name], capture_output=True, text=True).stdout
        found = re.search(r"^\s*0:\t[0-9a-f ]+\t(.*)$", listing, re.MULTILINE)
        return " ".join(found[1].split()) if found else code
    except FileNotFoundError:
        return code


def words_of(result, timed_out):
    """A result in a cell."""
    if result is None:
        return "–"
    ended = {None: "no end", PASSED: "passes", SKIPPED: "nothing to test", REFUSED: "does not start"}.get(result["status"], f"status {result['status']}")
    if result["status"] == timed_out:
        ended = "no end"
    count = f" ({result['passes']} PASS" + (f", {len(result['failures'])} FAIL" if result["failures"] else "") + ")"
    return ended + (count if result["passes"] or result["failures"] else "")


def rank(result, timed_out):
    """How far a program came: whether it passes, how many of its checks do, less those that fail, and whether it ended by itself."""
    if result is None:
        return (0, 0, 0)
    status = result["status"]
    ended = status is not None and status != timed_out and status & 1
    return (status in (PASSED, SKIPPED), result["passes"] - len(result["failures"]), bool(ended))


def compare(options, entry):
    """Runs an entry under both, as far as it is to be run: what they did, and a note."""
    directory = options.suite / "x86"
    program = str(directory / entry.get("file", ""))
    if entry.get("arch", "x86_64") != "x86_64":
        return None, None, f"for {entry['arch']}"
    if entry.get("accel", "kvm") != "kvm":
        return None, None, f"for {entry['accel']}"
    if not Path(program).is_file():
        return None, None, "not built"
    limit = seconds(entry, options.timeout)
    for _ in range(2):
        ours = exeunt(options, entry, program, limit)
        theirs = qemu(options, entry, program, limit) if options.qemu else None
        difference = (rank(ours, 6) > rank(theirs, None)) - (rank(ours, 6) < rank(theirs, None)) if theirs else 0
        if difference >= 0:
            break
    return ours, theirs, {1: "further here", 0: "", -1: LESS}[difference]


LESS = "**less far here**"
HEADING = "| entry | Exeunt | QEMU | | where Exeunt ended |\n|---|---|---|---|---|"


def row(found):
    ours = found["exeunt"]
    ending = ours["ending"] if ours else ""
    return f"| {found['entry']['name']} | {words_of(ours, 6)} | {words_of(found['qemu'], None)} | {found['note']} | {ending} |"


def total(found):
    ran = [row for row in found if row["exeunt"]]
    less = [row["entry"]["name"] for row in ran if row["note"] == LESS]
    print(f"\n{len(found)} entries, {len(ran)} run, {sum(row['exeunt']['status'] == PASSED for row in ran)} pass here; less far than under QEMU: {', '.join(less) or 'none'}")
    return less


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", type=Path)
    parser.add_argument("--exeunt")
    parser.add_argument("--qemu", help="also run them under this")
    parser.add_argument("--qemu-cpu-without", help="features that -cpu max and -cpu host are to be without, as QEMU cannot start with them: arch-capabilities")
    parser.add_argument("--timeout", type=int, default=60, help="seconds for a program, at most")
    parser.add_argument("--only", nargs="*", help="names of entries")
    parser.add_argument("--json", type=Path, help="write all that was found")
    parser.add_argument("--table", type=Path, help="print the table of what was found before")
    options = parser.parse_args()
    if options.table:
        found = json.loads(options.table.read_text())
        print(HEADING)
        for entry in found:
            print(row(entry))
        sys.exit(1 if total(found) else 0)
    if not options.suite or not options.exeunt:
        parser.error("--suite and --exeunt are needed")
    found = []
    print(HEADING)
    for entry in entries((options.suite / "x86" / "unittests.cfg").read_text()):
        if options.only and entry["name"] not in options.only:
            continue
        ours, theirs, note = compare(options, entry)
        found.append({"entry": entry, "exeunt": ours, "qemu": theirs, "note": note})
        print(row(found[-1]), flush=True)
        if options.json:
            options.json.write_text(json.dumps(found, indent=1))
    sys.exit(1 if total(found) else 0)


main()
