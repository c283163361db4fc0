"""What of a bandwidth budget a migration uses, and by how much it exceeds it.

The source's interface sends segments as a network card does, each with its headers: its counter is
what the budget is compared with.
"""

import shlex
import statistics
import subprocess
import sys

from .lab import HOSTS, LabError
from .watch import Watch

MIB = 1 << 20
# It changes less than the least budget carries, or would never arrive.
GUEST = "--disks 4 --data-size 256M --rate 5 --dirty 1 --beat 10"
BUDGETS = (5, 20, 60)
# What of the begin and of the end of a move is not looked at, in seconds. The pauses between
# templates, disks and memory are in what is looked at.
EDGE = 2.0
# Over how long the most that was sent is looked for, in seconds.
WINDOW = 1.0


def measure(lab, runs):
    """Gives the figures of all runs and their medians, by the budget in MiB/s."""
    lab.goodput("unlimited")
    for host in HOSTS:
        lab.on(host, "ip", "link", "set", "eth0", "gso_max_segs", "1")
    found = {}
    for budget in BUDGETS:
        figures = {"share": [], "overshoot": [], "agentCPU": []}
        for number in range(1, runs + 1):
            run = _move(lab, f"budget-{budget}-{number}", budget)
            for key, value in run.items():
                figures[key].append(value)
            told = ", ".join(f"{key} {value:.4f}" for key, value in run.items())
            print(f"budget {budget} MiB/s {number}: {told}", file=sys.stderr, flush=True)
        found[str(budget)] = {
            "medians": {key: statistics.median(values) for key, values in figures.items()},
            "all": figures,
        }
    for host in HOSTS:
        lab.on(host, "ip", "link", "set", "eth0", "gso_max_segs", "65535")
    return found


def _move(lab, guest, budget):
    lab.run("guest-up", "alpha", guest, *shlex.split(GUEST))
    command = [f"{lab.binaries}/longshore", "migrate", guest, "--from", "alpha", "--to", "beta"]
    command += ["--bandwidth", str(budget), "--deadline", "600s", "--progress", "none"]
    try:
        with Watch(lab, guest) as watch:
            began = watch.begin()
            result = subprocess.run(
                command,
                env=lab.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            cpu = watch.cpu
        if result.returncode != 0:
            raise LabError(f"`{shlex.join(command)}` failed: {result.stderr}")
        first, arrived = watch.first_byte(began), watch.arrived()
        if first is None or arrived is None:
            raise LabError(f"{guest} was not heard at the destination")
        steady = [each for each in watch.sent if first + EDGE <= each[0] <= arrived - EDGE]
        if len(steady) < 2:
            raise LabError(f"{guest} has moved before anything could be seen")
        most = max(
            (last[1] - one[1]) / (last[0] - one[0])
            for one in steady
            for last in steady
            if WINDOW <= last[0] - one[0] <= WINDOW * 1.1
        )
        mean = (steady[-1][1] - steady[0][1]) / (steady[-1][0] - steady[0][0])
        return {
            "share": mean / (budget * MIB),
            "overshoot": most / (budget * MIB) - 1,
            "agentCPU": cpu / (arrived - began),
        }
    finally:
        for host in HOSTS:
            lab.run("guest-down", host, guest, check=False)


def table(results):
    """The medians as a table of Markdown."""
    rows = [
        "| budget | used of it | the most in a second | processors used by both agents |",
        "| --- | --- | --- | --- |",
    ]
    for budget, figures in results.items():
        medians = figures["medians"]
        rows.append(
            f"| {budget} MiB/s | {medians['share']:.1%} | {1 + medians['overshoot']:.1%} |"
            f" {medians['agentCPU']:.3f} |"
        )
    return "\n".join(rows)
