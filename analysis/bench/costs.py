"""What requests to a device cost, contender by contender: the columns that disks and networks share."""

import measure
from table import microseconds, percent, ratio

TIMES = ("wall", "p50", "p99", "vcpu", "rest")
# Requests whose system calls are counted, which strace makes slow.
TRACED = 1000


class Costs:
    """Of one contender; times in seconds for each request, a value a round."""

    def __init__(self, times, calls=None, kicks=None, interrupts=None):
        """`times` has lists by TIMES, as far as there are any; the others are for each request."""
        self.times = times
        self.counts = (calls, kicks, interrupts)


def heads(request):
    """The heads of the columns; `request` is what there is one of in each row."""
    return ["contender", request, "±", "÷ first", "p50", "÷ first", "p99", "÷ first", "vCPU's CPU", "÷ first",
            "other threads' CPU", "÷ first", "their calls", "kicks", "interrupts"]


def fill(table, costs):
    """Adds a row for each contender, and notes that say what is in it; `costs` are by the contender's name."""
    first = next(iter(costs.values()))
    for name, its in costs.items():
        cells = [name]
        for field in TIMES:
            values, references = its.times.get(field, []), first.times.get(field, [])
            # A difference can drown in what starting and ending took.
            known = [bool(each) and measure.median(each) > 0 for each in (values, references)]
            cells.append(microseconds(measure.median(values)) if known[0] else "–")
            if field == "wall":
                cells.append(percent(measure.spread(values)))
            cells.append(
                ratio(measure.median([a / b for a, b in zip(values, references)])) if all(known) else "–")
        table.row(*cells, *("–" if count is None else f"{count:.3f}" for count in its.counts))
    table.note("÷ first: medians of the ratios taken within each round, against the first row.")
    table.note("–: there is none, or it is too small to be told from starting and ending.")
    table.note("Calls, kicks and interrupts are for each of them; kicks and interrupts by the guest's own count.")
    table.note(
        f"System calls are those of {TRACED} under strace, which slows both sides; of all threads but the vCPU's.")
