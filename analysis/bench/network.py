"""Packets to a guest that sends them back: the built-in guest `net` on Exeunt and on QEMU's microvm, and the same tap without any
virtual machine.

A C program (echo_client.c) on the host's side of a tap sends datagrams or pings and takes the time of each. Tap, sender and
monitor are in a network namespace that is made for each run. Time and processor time are taken while packets go back and forth,
not of starting and ending.
"""

import array
import itertools
import os
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import accounting
import costs
import guest
import measure
from table import Table

TAP = "tap0"
MAC = "52:54:00:12:34:56"
HOST, GUEST = "192.0.2.1", "192.0.2.2"
GUEST_NUMBER = 0xc0000202
# What ping sends unless it is told otherwise.
BYTES = 56
# net0's registers and line.
DEVICE = {"registers": 0xd0200000, "line": 1}
# The first packet and the last, which echo_client sends besides.
BESIDES = 2
FEW = 64
# What the guest can have under way: received packets and answers share its buffers.
BUFFERS = 64
# Protocol, under way, way of waiting.
LOADS = (("udp", 1, "interrupt"), ("udp", 1, "poll"), ("udp", 32, "interrupt"), ("udp", 32, "poll"), ("ping", 1, "interrupt"))
SERIAL = itertools.count()


@contextmanager
def network(tools):
    """The name of a network namespace with a tap."""
    name = f"exeunt-bench-{os.getpid()}-{next(SERIAL)}"
    tools.call(["ip", "netns", "add", name])
    try:
        for words in (
                f"tuntap add {TAP} mode tap", f"addr add {HOST}/24 dev {TAP}",
                # No packets that nobody asked for; and a guest that has just started is found soon.
                f"link set {TAP} addrgenmode none", f"ntable change name arp_cache dev {TAP} retrans 20 mcast_probes 1000",
                f"link set {TAP} up"):
            tools.call(["ip", "-n", name, *words.split()])
        yield name
    finally:
        tools.call(["ip", "netns", "delete", name])


def wait_for_carrier(name, monitor):
    """Waits until the monitor has attached to the tap and the network knows: what is sent before is dropped."""
    for _ in range(1000):
        shown = subprocess.run(["ip", "-n", name, "link", "show", TAP], stdout=subprocess.PIPE, text=True, check=False).stdout
        if "state UP" in shown or monitor.poll() is not None:
            return
        time.sleep(0.01)


class Sample:
    """One run: seconds of wall time, of processor time and of each packet; and the guest's report, where there is a guest."""

    def __init__(self, wall, used, latencies, ram):
        self.wall = wall
        self.vcpu = used.vcpu
        self.rest = used.rest
        self.latencies = latencies
        self.report = guest.Report(ram) if ram else None

    def percentile(self, share):
        return statistics.quantiles(self.latencies, n=1000, method="inclusive")[int(share * 1000) - 1] / 1e9


def run(tools, directory, load, count, contender, prefix=()):
    """Has a contender answer so many packets; `prefix` are words that it is run behind."""
    protocol, depth, wait = load
    command, expect, ram = contender(count + BESIDES, depth, wait)
    latencies = directory / "latencies"
    guest.forget(ram)
    with network(tools) as name, ExitStack() as running:

        def start(words, **streams):
            process = subprocess.Popen(
                ["ip", "netns", "exec", name, *map(str, words)], stdout=subprocess.PIPE, text=True, errors="replace",
                **streams)
            running.callback(process.communicate)
            running.callback(process.kill)
            return process

        try:
            monitor = start((*prefix, *command), stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
            wait_for_carrier(name, monitor)
            client = start(
                (tools.echo_client, protocol, GUEST, count, depth, BYTES, latencies), stdin=subprocess.PIPE,
                stderr=subprocess.PIPE)
            threads = accounting.Threads(monitor.pid)
            client.stdout.readline()
            before = threads.look()
            client.stdin.write("go\n")
            client.stdin.flush()
            wall = client.stdout.readline()
            used = threads.look() - before
            # A client that has failed takes nothing more.
            _, complaint = client.communicate("end\n" if client.poll() is None else None)
            if client.returncode != 0:
                raise measure.Failure(f"{complaint.strip()} ({command[0]})")
            said, _ = monitor.communicate(timeout=30)
            if monitor.returncode != expect:
                raise measure.Failure(f"{command[0]}: ended with {monitor.returncode}: {said.strip()[-500:]}")
        except (BrokenPipeError, subprocess.TimeoutExpired) as error:
            raise measure.Failure(f"{command[0]}: {error}") from error
    times = array.array("I", latencies.read_bytes())
    return Sample(int(wall) / 1e9, used, times, ram)


def contenders(tools, net):
    """Maps a contender's name to a function of count, depth and way of waiting: a run's command, its exit status and RAM."""

    def parameters(count, depth):
        return {"iterations": count, "parameter": GUEST_NUMBER, "depth": BUFFERS, "batch": depth}

    def exeunt(count, depth, wait, options=()):
        return net.exeunt(
            wait, "--netdev", f"tap,id=n0,ifname={TAP}", "--device", f"virtio-net-device,netdev=n0,mac={MAC}", *options,
            **DEVICE, **parameters(count, depth)), 0, net.ram

    def qemu(count, depth, wait):
        return net.qemu(
            wait, "-netdev", f"tap,id=n0,ifname={TAP},script=no,downscript=no,vhost=off", "-device",
            f"virtio-net-device,netdev=n0,mac={MAC},bus=virtio-mmio-bus.0",
            **parameters(count, depth)), guest.QEMU_DONE, net.ram

    def plain(count, _depth, _wait):
        return [tools.tap_echo, TAP, MAC, GUEST, count], 0, None

    found = {}
    if tools.qemu:
        found["QEMU -M microvm"] = qemu
    found["exeunt"] = exeunt
    found["the same, polling 32 µs"] = lambda *given: exeunt(*given, options=("--iothread-poll", "32us"))
    found["exeunt, ioeventfd=off"] = lambda *given: exeunt(*given, options=("--ioeventfd", "off"))
    found["C, no virtual machine"] = plain
    return found


def compare(tools, directory, counts, rounds):
    """Yields a table for each load; `counts` are packets by how many are under way."""
    if os.geteuid() != 0:
        nothing = Table("Network", "packets through a tap to a guest and back", ["contender"])
        nothing.note("Left out: a network namespace and a tap can be made by root alone.")
        yield nothing
        return
    with tempfile.TemporaryDirectory(prefix="exeunt-bench-", dir="/dev/shm") as memory:
        # QEMU 7.2 says only with this feature (VIRTIO_NET_F_MRG_RXBUF) of how many buffers a packet is; it is one.
        net = guest.Guest(tools, directory, Path(memory), "net", "DRIVER_FEATURES=0x8000")
        found = contenders(tools, net)
        for load in LOADS:
            yield table(tools, found, directory, load, counts[load[1]], rounds)


def table(tools, found, directory, load, count, rounds):
    """What packets of one load cost."""
    protocol, depth, wait = load

    def echo(contender, packets, prefix=()):
        return run(tools, directory, load, packets, contender, prefix)

    runs = measure.interleave(
        {name: lambda contender=contender: echo(contender, count) for name, contender in found.items()}, rounds,
        lambda message: measure.progress(f"network, {protocol}, depth {depth}, {wait}, {message}"))
    measure.progress_done()
    what = "UDP echo" if protocol == "udp" else "Ping"
    result = Table(
        f"{what}, {depth} under way, the guest {'sleeps until interrupts' if wait == 'interrupt' else 'polls the rings'}",
        f"{count} packets of {BYTES} bytes from the host through a tap to the guest and back, medians of {rounds} interleaved "
        "rounds; *packet* is the time of all of them ÷ their number; p50 and p99: sent by the host → back at its socket",
        costs.heads("packet"))
    rows = {}
    for name, contender in found.items():
        samples = runs[name]
        times = {field: [getattr(sample, field) / count for sample in samples] for field in ("wall", "vcpu", "rest")}
        times |= {field: [sample.percentile(share) for sample in samples] for field, share in (("p50", 0.5), ("p99", 0.99))}
        kicks = interrupts = None
        if samples[0].report:
            kicks, interrupts = (
                measure.median([getattr(sample.report, field) / sample.report.iterations for sample in samples])
                for field in ("kicks", "interrupts"))
        calls = [
            accounting.system_calls(
                lambda prefix, contender=contender, packets=packets: echo(contender, packets, prefix), directory)
            for packets in (FEW + costs.TRACED, FEW)]
        rows[name] = costs.Costs(
            times, None if None in calls else (calls[0] - calls[1]) / costs.TRACED, kicks, interrupts)
    costs.fill(result, rows)
    if "QEMU" in tools.missing:
        result.note(f"QEMU: {tools.missing['QEMU']}")
    return result
