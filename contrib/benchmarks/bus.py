"""The AMQP library against a plain loop over librabbitmq, on one broker."""

import os
import re
import statistics
import subprocess
import sys
import tempfile

from .lab import ROOT, LabError

MESSAGES, SIZE, WINDOW = 20_000, 1024, 256


def measure(lab, runs):
    """Publishes and reads messages with both in turns; gives messages a second and their ratios."""
    with tempfile.TemporaryDirectory() as folder:
        loop = f"{folder}/bus"
        subprocess.run(
            ["cc", "-O2", "-o", loop, f"{ROOT}/contrib/benchmarks/bus.c", "-lrabbitmq"], check=True
        )
        rates = {who: {"published": [], "delivered": []} for who in ("library", "loop")}
        for number in range(1, runs + 1):
            # Who comes first has the emptier broker.
            order = ("library", "loop") if number % 2 else ("loop", "library")
            for who in order:
                told = _run(_command(lab, who, loop, f"bench-{who}-{number}"))
                for key, seconds in told.items():
                    rates[who][key].append(MESSAGES / seconds)
                print(
                    f"bus, {who} {number}: {rates[who]['published'][-1]:.0f} a second confirmed,"
                    f" {rates[who]['delivered'][-1]:.0f} acknowledged",
                    file=sys.stderr,
                    flush=True,
                )
    medians = {
        who: {key: statistics.median(values) for key, values in each.items()}
        for who, each in rates.items()
    }
    return {
        "messages": MESSAGES,
        "size": SIZE,
        "window": WINDOW,
        "medians": medians,
        "ratios": {key: medians["library"][key] / medians["loop"][key] for key in medians["loop"]},
        "all": rates,
    }


def _command(lab, who, loop, queue):
    url = lab.environment["LONGSHORE_TEST_BROKER"]
    user, password, host, port = re.match(r"amqp://([^:]+):([^@]+)@([^:/]+):(\d+)", url).groups()
    if who == "loop":
        return [loop, host, port, user, password, queue, *map(str, (MESSAGES, SIZE, WINDOW))]
    program = os.path.join(lab.binaries, "longshore-bench")
    return [program, "bus", "--broker", url, "--queue", queue, "--messages", str(MESSAGES)]


def _run(command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    told = re.match(r"published ([\d.e-]+) delivered ([\d.e-]+)", result.stdout)
    if result.returncode != 0 or not told:
        raise LabError(f"{command[0]} failed: {result.stderr.strip()}")
    return {"published": float(told[1]), "delivered": float(told[2])}


def table(results):
    """The medians as a table of Markdown."""
    lines = ["| | library | loop | ratio |", "| --- | --- | --- | --- |"]
    titles = {
        "published": "confirmed publishes a second",
        "delivered": "acknowledged deliveries a second",
    }
    for key, title in titles.items():
        ours, theirs = (results["medians"][who][key] for who in ("library", "loop"))
        lines.append(f"| {title} | {ours:.0f} | {theirs:.0f} | {results['ratios'][key]:.2f} |")
    return "\n".join(lines)
