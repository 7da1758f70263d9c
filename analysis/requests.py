#!/usr/bin/env python3
"""Requests to a virtio device one by one, or round trips of packets in stages, from a recording's events.

    exeunt-analyze dump DIR --format json | analysis/requests.py disk0
    exeunt-analyze dump DIR --format json | analysis/requests.py --round-trips net0

A request's line says how its kick came, and what passed until each step: `awake` is when the loop woke up or the vCPU left the
guest, `popped` when the device took the request, `pushed` when it was completed, `interrupt` when the guest was told, `-`
where it was not. A round trip is a packet that the guest received and the next one that it sent. What is before the
loop's waking up cannot be seen in a recording.
"""
import argparse
import json
import sys


class Request:
    """A request on its way."""

    def __init__(self, fields, path, awake, popped):
        self.queue, self.id, self.kind, self.bytes = (fields[key] for key in ("queue", "id", "kind", "bytes"))
        self.path, self.awake, self.popped = path, awake, popped
        self.pushed = self.interrupt = self.status = None


def plain(value):
    """The label of an enumeration's value."""
    return value["labels"][0] if isinstance(value, dict) and value.get("labels") else value


def requests(lines, name):
    """The requests of the device of this name, in the order in which they ended."""
    device = None
    # By thread: when it became active, how, and what has ended since without an interrupt.
    active, path, ended = {}, {}, {}
    open_requests = {}
    for line in lines:
        event = json.loads(line)
        what, time = event["name"].removeprefix("exeunt:"), int(event["timestamp"])
        fields = {key: plain(value) for key, value in event["fields"].items()}
        if what == "device_info":
            if fields["name"] == name:
                device = fields["device"]
        elif what == "loop_wakeup":
            active["loop", fields["loop"]] = time
        elif what == "vcpu_run_exit":
            active["vcpu", fields["vcpu"]] = time
            path["vcpu", fields["vcpu"]] = "exit"
        elif what == "handler_begin":
            path["loop", fields["loop"]] = "ioeventfd" if fields["source"] == "kick" else fields["source"]
        elif what in ("handler_end", "dispatch_end"):
            key = ("loop", fields["loop"]) if "loop" in fields else (fields["thread_kind"], fields["thread"])
            ended.pop(key, None)
        elif fields.get("device") == device and device is not None and "thread_kind" in fields:
            key = (fields["thread_kind"], fields["thread"])
            if what == "request_begin":
                request = Request(fields, path.get(key), active.get(key, time), time)
                open_requests[fields["queue"], fields["id"]] = request
            elif what == "request_end":
                request = open_requests.pop((fields["queue"], fields["id"]), None)
                if request:
                    request.pushed, request.status = time, fields["status"]
                    ended.setdefault(key, []).append(request)
                    yield request
            elif what == "interrupt":
                for request in ended.pop(key, []):
                    request.interrupt = time
    if device is None:
        sys.exit(f"requests.py: the recording has no device called {name}")


def microseconds(start, end):
    return "-" if start is None or end is None else f"{(end - start) / 1000:.1f}"


def show(found):
    """A line for each."""
    row = "{:>5} {:>6} {:<8} {:>8} {:<10} {:>14} {:>16} {:>19}"
    print(row.format("queue", "id", "kind", "bytes", "path", "awake→popped", "popped→pushed", "pushed→interrupt"))
    for request in found:
        print(
            row.format(
                request.queue, request.id, request.kind, request.bytes, request.path or "-",
                microseconds(request.awake, request.popped), microseconds(request.popped, request.pushed),
                microseconds(request.pushed, request.interrupt))
            + ("" if request.status == 0 else f"  status {request.status}"))
    failed = sum(1 for request in found if request.status != 0)
    print(f"{len(found)} requests, {failed} failed; times in µs")


def round_trips(found):
    """Pairs of a packet for the guest and the packet that it sent next, none between them."""
    received = None
    for request in sorted(found, key=lambda request: request.pushed):
        if request.kind == "receive":
            received = request if received is None else None
        elif received is not None:
            if received.interrupt is not None and received.interrupt <= request.awake:
                yield received, request
            received = None


def show_round_trips(found):
    """The stages' medians and extremes."""
    trips = list(round_trips(found))
    if not trips:
        sys.exit("requests.py: no packet was received and answered with an interrupt between")
    stages = [
        ("loop awake → in the guest's buffer", lambda one, other: one.pushed - one.awake),
        ("in the buffer → interrupt", lambda one, other: one.interrupt - one.pushed),
        ("interrupt → answer's kick noticed", lambda one, other: other.awake - one.interrupt),
        ("kick noticed → popped", lambda one, other: other.popped - other.awake),
        ("popped → sent", lambda one, other: other.pushed - other.popped),
        ("all", lambda one, other: other.pushed - one.awake),
    ]
    print(f"{'stage':<36} {'least':>10} {'median':>10} {'most':>10}")
    for name, stage in stages:
        times = sorted(stage(*trip) for trip in trips)
        numbers = [times[0], times[len(times) // 2], times[-1]]
        print(f"{name:<36} " + " ".join(f"{number / 1000:>10.1f}" for number in numbers))
    paths = sorted({answer.path or "-" for _, answer in trips})
    print(f"{len(trips)} round trips, kicks by {' and '.join(paths)}; times in µs")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("device", help="its name, such as disk0 or net0")
    parser.add_argument("--round-trips", action="store_true", help="packets that were answered, in stages")
    arguments = parser.parse_args()
    found = list(requests(sys.stdin, arguments.device))
    (show_round_trips if arguments.round_trips else show)(found)


if __name__ == "__main__":
    main()
