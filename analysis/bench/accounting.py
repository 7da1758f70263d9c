"""What a virtual machine monitor's threads used: processor time and system calls."""

import shutil
from pathlib import Path

import measure


class ProcessorTime:
    """Seconds of processor time of a vCPU's thread and of all others of a process."""

    def __init__(self, vcpu=0.0, rest=0.0):
        self.vcpu = vcpu
        self.rest = rest

    def __sub__(self, other):
        return ProcessorTime(self.vcpu - other.vcpu, self.rest - other.rest)


class Threads:
    """The threads of a process, as they were when they were last seen."""

    def __init__(self, pid):
        self.pid = pid
        self._used = {}

    def look(self):
        """What they have used until now, those that have ended until they were last seen."""
        try:
            tasks = list(Path(f"/proc/{self.pid}/task").iterdir())
        except OSError:
            tasks = []
        for task in tasks:
            try:
                name = (task / "comm").read_text().strip()
                self._used[task.name] = (name, int((task / "schedstat").read_text().split()[0]))
            except (OSError, ValueError, IndexError):
                continue
        vcpu = sum(used for name, used in self._used.values() if name.startswith(("vcpu", "CPU ")))
        return ProcessorTime(vcpu / 1e9, (sum(used for _, used in self._used.values()) - vcpu) / 1e9)


def system_calls(run, directory):
    """System calls of all threads but vCPUs', which are those that enter the guest; None where they cannot be counted.

    `run` runs a command behind the words that it is given, and fails as the command does.
    """
    if not shutil.which("strace"):
        return None
    log = directory / "calls"
    try:
        run(["strace", "-f", "-qq", "-o", log])
    except measure.Failure:
        return None
    calls, vcpus = {}, set()
    with log.open(errors="replace") as lines:
        for line in lines:
            thread, call = line.split(None, 1)
            if call.startswith(("<...", "---", "+++")):
                continue
            calls[thread] = calls.get(thread, 0) + 1
            if "KVM_RUN" in call:
                vcpus.add(thread)
    return sum(count for thread, count in calls.items() if thread not in vcpus)
