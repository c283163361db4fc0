"""The connections of many agents: how soon they are there, what they cost, how they come back."""

import os
import re
import statistics
import subprocess
import sys
import time

from .lab import LabError, PAGE

AGENTS = 1000
# How long nothing happens while processor time is counted, in seconds.
REST = 20


def measure(lab, runs):
    """Gives the figures of all runs, and their medians."""
    figures = {}
    for number in range(1, runs + 1):
        run = _run(lab)
        for key, value in run.items():
            figures.setdefault(key, []).append(value)
        told = ", ".join(f"{key} {value:.4g}" for key, value in run.items())
        print(f"fleet {number}: {told}", file=sys.stderr, flush=True)
    return {
        "agents": AGENTS,
        "medians": {key: statistics.median(values) for key, values in figures.items()},
        "all": figures,
    }


class Fleet:
    """The connections, within the `with` statement."""

    def __init__(self, lab):
        self.command = [f"{lab.binaries}/longshore-bench", "fleet", "--agents", str(AGENTS)]
        self.command += ["--broker", lab.environment["LONGSHORE_TEST_BROKER"]]

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def expect(self, word):
        """Waits for a line, and gives the seconds that it tells."""
        line = self.process.stdout.readline()
        told = re.fullmatch(rf"{word}(?: ([\d.e-]+))?\n", line)
        if not told:
            raise LabError(f"the fleet says '{line.strip()}' instead of '{word}'")
        return float(told[1] or 0)

    def ring(self):
        """Has each agent send a message to the next, and gives the seconds until all are there."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.expect("passed")


def _broker(lab):
    """The process id of the broker's Erlang machine."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                line = file.read()
        except OSError:
            continue
        if "beam.smp" in line and f"{lab.state}/" in line:
            return int(pid)
    raise LabError("there is no broker")


def _resident(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * PAGE


def _run(lab):
    alone = _resident(_broker(lab))
    with Fleet(lab) as fleet:
        connecting = fleet.expect("connected")
        fleet.ring()
        ring = fleet.ring()
        broker, began = _broker(lab), time.monotonic()
        used = lab.cpu(broker)
        time.sleep(REST)
        used = (lab.cpu(broker) - used) / (time.monotonic() - began)
        resident = _resident(broker) - alone
        lab.run("broker", "kill")
        fleet.expect("lost")
        killed = time.monotonic()
        lab.run("broker", "start")
        started = time.monotonic() - killed
        coming_back = fleet.expect("connected")
        fleet.ring()
    return {
        "secondsToConnect": connecting,
        "secondsToPassAround": ring,
        "brokerBytes": resident,
        "brokerProcessorsAtRest": used,
        "secondsToStartBroker": started,
        "secondsToComeBack": coming_back,
    }


def table(results):
    """The medians as a table of Markdown."""
    medians, agents = results["medians"], results["agents"]
    rows = (
        ("until all are connected, their queues made", f"{medians['secondsToConnect']:.0f} s"),
        ("a message from each to the next", f"{medians['secondsToPassAround']:.2f} s"),
        (
            "the broker's memory for an agent",
            f"{medians['brokerBytes'] / agents / 1024:.0f} KiB",
        ),
        ("the broker's processors at rest", f"{medians['brokerProcessorsAtRest']:.2f}"),
        (
            "until all are back after the broker was killed and started",
            f"{medians['secondsToComeBack']:.0f} s",
        ),
    )
    head = [f"| {agents} agents, one node | median |", "| --- | --- |"]
    return "\n".join(head + [f"| {a} | {b} |" for a, b in rows])
