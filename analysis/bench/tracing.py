"""What a tracepoint costs in a bare loop, and what is in a recorded trace."""

import re
import shutil
import signal
import subprocess
import time

import measure
from table import Table, percent

SESSION = "exeunt-bench"


def counts(directory):
    """Recorded and lost events of a trace, as babeltrace2 counts them."""
    done = subprocess.run(
        ["babeltrace2", "--component", "sink.utils.counter", str(directory)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise measure.Failure(f"babeltrace2 cannot count the events of {directory}: {done.stderr.strip()}")

    def last(what):
        found = re.findall(rf"([\d,]+) {what}", done.stdout)
        return int(found[-1].replace(",", "")) if found else 0

    lost = sum(int(found) for found in re.findall(r"Tracer discarded (\d+) event", done.stdout + done.stderr))
    return last("Event messages"), max(lost, last("Discarded event messages"))


class SessionDaemon:
    """LTTng's session daemon: the one that runs, or one that is started here and stopped at the end."""

    def __enter__(self):
        self.started = None
        if not self._answers():
            self.started = subprocess.Popen(
                ["lttng-sessiond", "--no-kernel"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + 20
            while not self._answers():
                if time.monotonic() > deadline or self.started.poll() is not None:
                    raise measure.Failure("lttng-sessiond does not start; try it by hand: lttng-sessiond --no-kernel")
                time.sleep(0.1)
        return self

    def __exit__(self, *_):
        if self.started:
            self.started.send_signal(signal.SIGTERM)
            self.started.wait(timeout=20)

    @staticmethod
    def _answers():
        return lttng("list", check=False).returncode == 0


def lttng(*arguments, check=True):
    done = subprocess.run(
        ["lttng", "--no-sessiond", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)
    if check and done.returncode != 0:
        raise measure.Failure(f"lttng {' '.join(arguments)}: {done.stdout.strip()}")
    return done


def cost(tools, directory, events, disabled_events, rounds):
    """Nanoseconds per disabled and per recorded tracepoint, in a C program that does nothing else."""
    table = Table(
        "One tracepoint",
        f"a C loop around `vcpu_run_exit` and `vcpu_run_enter`, less the empty loop; medians of {rounds} rounds",
        ["tracepoint", "events", "ns each", "±"])

    def emit(count):
        return float(tools.run([tools.tracepoint_cost, str(count)], keep_output=True).output.split()[1])

    disabled = []
    recorded = []
    if not tools.lttng:
        disabled = [emit(disabled_events) for _ in range(rounds)]
    else:
        with SessionDaemon():
            for number in range(rounds):
                measure.progress(f"tracepoints, round {number + 1} of {rounds}")
                disabled.append(emit(disabled_events))
                recorded.append(_recorded(tools, directory, events))
    measure.progress_done()
    table.row("disabled", disabled_events, f"{measure.median(disabled):.2f}", percent(measure.spread(disabled)))
    if recorded:
        table.row("recorded", events, f"{measure.median(recorded):.0f}", percent(measure.spread(recorded)))
        table.note("Recorded: none lost, checked with babeltrace2 in every round.")
    else:
        table.note("recorded: lttng-tools is not installed")
    return table


def _recorded(tools, directory, events):
    """Nanoseconds per recorded tracepoint. The session records this one process, whoever else emits the same events."""
    output = directory / "tracepoints"
    shutil.rmtree(output, ignore_errors=True)
    lttng("create", SESSION, f"--output={output}")
    process = subprocess.Popen(
        [tools.tracepoint_cost, str(events), "recorded"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lttng("enable-channel", "--userspace", "--subbuf-size=4M", "--num-subbuf=8", "events")
        lttng("enable-event", "--userspace", "--channel=events", "exeunt:*")
        lttng("track", "--userspace", f"--vpid={process.pid}")
        lttng("start")
        said, errors = process.communicate(timeout=300)
        lttng("stop")
    finally:
        process.kill()
        lttng("destroy", SESSION)
    if process.returncode != 0:
        raise measure.Failure(f"tracepoint_cost: {errors.strip()}")
    found, lost = counts(output)
    shutil.rmtree(output, ignore_errors=True)
    if lost or found != events:
        raise measure.Failure(f"{events} events were emitted, {found} recorded, {lost} lost")
    return float(said.split()[1])
