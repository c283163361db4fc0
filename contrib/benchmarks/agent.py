"""One agent with many migrations: what it takes in, what it needs, how soon it is there.

The agent is the real one over the real broker, with libvirt's test driver for its guests; only the
work on guests is made up (`longshore-bench agent`).
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from .lab import LabError, PAGE

CLUSTER, HERE, THERE = "measured", "here", "there"
ACCEPTED, REJECTED, WINDOW = 2000, 5000, 256
ENDED, RUNNING, LONG_PAST = 1000, 50, 100_000
# How long running transfers are watched before their agent's memory is read.
SETTLING = 20
# How long an agent rests before it counts as idle: it gives its code's pages back once a minute.
RESTING = 65


def measure(lab, runs):
    """Gives the figures of all runs, and their medians."""
    figures = {
        key: []
        for key in (
            "acceptedPerSecond",
            "rejectedPerSecond",
            "residentIdle",
            "residentRunning",
            "cpuRunning",
            "secondsToStart",
        )
    }
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="longshore-bench.") as folder:
        guests = _guests(folder)
        past, long_past = f"{folder}/past", f"{folder}/long-past"
        _history(lab, past, ENDED)
        print(f"agent: makes a journal of {LONG_PAST} migrations", file=sys.stderr, flush=True)
        _history(lab, long_past, LONG_PAST)
        for number in range(1, runs + 1):
            run = {
                **_orders(lab, f"{folder}/{number}", guests),
                **_running(lab, f"{folder}/{number}-running", guests, past),
                **_start(lab, f"{folder}/{number}-start", guests, long_past),
            }
            for key, value in run.items():
                figures[key].append(value)
            told = ", ".join(f"{key} {value:.4g}" for key, value in run.items())
            print(f"agent {number}: {told}", file=sys.stderr, flush=True)
    return {
        "accepted": ACCEPTED,
        "rejected": REJECTED,
        "window": WINDOW,
        "ended": ENDED,
        "running": RUNNING,
        "longPast": LONG_PAST,
        "medians": {key: statistics.median(values) for key, values in figures.items()},
        "all": figures,
    }


def _guests(folder):
    """A file of libvirt's test driver with as many running guests as orders are accepted."""
    path = f"{folder}/guests.xml"
    with open(path, "w") as file:
        file.write("<node>\n")
        for number in range(ACCEPTED):
            file.write(
                f"<domain type='test'><name>guest-{number}</name>"
                f"<uuid>00000000-0000-4000-8000-{number:012x}</uuid>"
                "<memory>8192</memory><os><type>hvm</type></os></domain>\n"
            )
        file.write("</node>\n")
    return path


def _history(lab, path, ended):
    subprocess.run(
        [f"{lab.binaries}/longshore-bench", "history", "--journal", path, "--ended", str(ended)],
        check=True,
    )


class Agent:
    """An agent that runs within the `with` statement."""

    def __init__(self, lab, folder, host, guests, journal=None, places=1):
        url = lab.environment["LONGSHORE_TEST_BROKER"]
        user, password, broker = re.match(r"amqp://([^:]+):([^@]+)@([^/]+)", url).groups()
        os.makedirs(folder, exist_ok=True)
        settings = {
            "cluster": CLUSTER,
            "host": host,
            "broker.addresses": broker,
            "broker.username": user,
            "broker.password": password,
            "libvirt.uri": f"test://{guests}",
            # Nobody opens it: transfers are made up.
            "libvirt.reachableAs": f"qemu+tcp://{host}/system",
            "migration.address": "127.0.0.1",
            "journal.path": journal or f"{folder}/{host}.sqlite",
            "run.directory": f"{folder}/{host}",
            **{f"limits.{key}": str(places) for key in ("outgoing", "incoming", "pair", "pool")},
        }
        command = [f"{lab.binaries}/longshore-bench", "agent"]
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        self.lab, self.url, self.host, self.command = lab, url, host, command
        self.log = f"{folder}/{host}.log"

    def __enter__(self):
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(self.command, stderr=log)
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        if self.process.wait(timeout=60) != 0 and kind is None:
            raise LabError(f"the measured agent failed: {self._said()}")

    def _said(self):
        """The end of its log."""
        with open(self.log) as log:
            return log.read()[-2000:].strip()

    def orders(self, *arguments):
        """Has orders sent to the agent, and gives in how many seconds all were answered."""
        return float(self._ask(*arguments)[1])

    def transferring(self):
        """How many migrations the agent says to transfer."""
        return int(self._ask()[2])

    def _ask(self, *arguments):
        asking = subprocess.Popen(
            [f"{self.lab.binaries}/longshore-bench", "orders", "--broker", self.url]
            + ["--agent", f"{CLUSTER}.{self.host}", "--destination", THERE, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while True:
            try:
                output, errors = asking.communicate(timeout=1)
                break
            except subprocess.TimeoutExpired:
                # Its orders would be waited for without an end.
                if self.process.poll() is not None:
                    asking.kill()
                    asking.communicate()
                    raise LabError(f"the measured agent has ended: {self._said()}") from None
        told = re.match(r"seconds ([\d.e-]+)(?: transferring (\d+))?", output)
        if asking.returncode != 0 or not told:
            raise LabError(f"orders were not answered as expected: {errors.strip()}")
        return told

    @property
    def resident(self):
        """The resident memory, in bytes."""
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * PAGE


def _forget(lab):
    """Removes the queues of the measured agents."""
    for host in (HERE, THERE):
        lab.run("broker", "ctl", "delete_queue", f"longshore.host.{CLUSTER}.{host}", check=False)


def _orders(lab, folder, guests):
    with Agent(lab, folder, THERE, guests), Agent(lab, folder, HERE, guests) as agent:
        agent.orders()
        time.sleep(RESTING)
        idle = agent.resident
        accepted = agent.orders("--count", str(ACCEPTED), "--window", str(WINDOW))
        rejected = agent.orders(
            "--count", str(REJECTED), "--window", str(WINDOW), "--guest", "unknown-", "--rejected"
        )
    _forget(lab)
    return {
        "acceptedPerSecond": ACCEPTED / accepted,
        "rejectedPerSecond": REJECTED / rejected,
        "residentIdle": idle,
    }


def _running(lab, folder, guests, past):
    os.makedirs(folder)
    journal = f"{folder}/journal"
    subprocess.run(["cp", past, journal], check=True)
    with (
        Agent(lab, folder, THERE, guests, places=64) as there,
        Agent(lab, folder, HERE, guests, journal, places=64) as here,
    ):
        there.orders()
        here.orders()
        here.orders("--count", str(RUNNING))
        time.sleep(SETTLING)
        began = lab.cpu(here.process.pid), time.monotonic()
        time.sleep(SETTLING)
        used = lab.cpu(here.process.pid) - began[0]
        resident, elapsed = here.resident, time.monotonic() - began[1]
        running = here.transferring()
    if running != RUNNING:
        raise LabError(f"{running} of {RUNNING} made-up transfers run")
    _forget(lab)
    return {"residentRunning": resident, "cpuRunning": used / elapsed}


def _start(lab, folder, guests, long_past):
    with Agent(lab, folder, HERE, guests) as agent:
        agent.orders()
    os.makedirs(folder, exist_ok=True)
    with Agent(lab, folder, HERE, guests, long_past) as agent:
        seconds = agent.orders()
    _forget(lab)
    return {"secondsToStart": seconds}


def table(results):
    """The medians as a table of Markdown."""
    medians = results["medians"]
    rows = (
        (
            f"orders accepted a second, {results['window']} unanswered at once",
            f"{medians['acceptedPerSecond']:.0f}",
        ),
        ("orders rejected a second", f"{medians['rejectedPerSecond']:.0f}"),
        ("resident memory, idle", f"{medians['residentIdle'] / 2**20:.0f} MiB"),
        (
            f"resident memory, {results['running']} transfers, {results['ended']} ended",
            f"{medians['residentRunning'] / 2**20:.0f} MiB",
        ),
        ("processors used by these transfers", f"{medians['cpuRunning']:.2f}"),
        (
            f"start to the first answer, with {results['longPast']} ended migrations",
            f"{medians['secondsToStart']:.2f} s",
        ),
    )
    return "\n".join(["| | median |", "| --- | --- |"] + [f"| {a} | {b} |" for a, b in rows])
