"""What is said of the runs: a line for each, a table, and a page with plots."""

import os
import platform
import statistics
from collections import defaultdict

from . import agent, budget, bus, fleet, gateway, goals
from .lab import ROOT

COLOURS = {
    "fenced": "#1b6ca8",
    "direct": "#5fa8d3",
    "virsh": "#8d99ae",
    "cloudstack": "#c0762c",
    "wire": "#cccccc",
}
MIB = 1 << 20
# What stands in a section of its own on the page.
OTHERS = {"bus": bus, "agent": agent, "fleet": fleet, "gateway": gateway, "budget": budget}


def median(values):
    """The median of those that are there; None where none is."""
    there = [value for value in values if value is not None]
    return statistics.median(there) if there else None


def machine():
    """What the figures were measured on."""
    model = "unknown"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {"processors": os.cpu_count(), "model": model, "kernel": platform.release()}


def line(run):
    """One run, for whoever waits."""
    text = f"{run['scenario']}, {run['contender']} {run['run']}: {run['outcome']}"
    if "seconds" in run:
        text += (
            f" in {run['seconds']:.2f} s ({run['secondsFromPrepared']:.2f} s from prepared),"
            f" down {run['downtime'] * 1000:.0f} ms,"
            f" {run['wireBytes'] / MIB:.0f} MiB on the wire"
        )
    elif run.get("reasons"):
        text += f": {'; '.join(run['reasons'])}"
    return text


def summary(results):
    """Medians of each contender in each scenario, and the ratios that the goals are about."""
    grouped = defaultdict(lambda: defaultdict(list))
    for run in results["runs"]:
        grouped[run["scenario"]][run["contender"]].append(run)
    return {name: _scenario(by) for name, by in grouped.items()}


def _scenario(by):
    figures = {}
    for contender, runs in by.items():
        whole = [run for run in runs if run["outcome"] == "completed"]
        figures[contender] = {"runs": len(runs), "completed": len(whole)}
        for key in (
            "seconds",
            "secondsFromPrepared",
            "secondsToFirstByte",
            "downtime",
            "wireBytes",
            "slowdown",
            "agentCPUSeconds",
            "agentResidentBytes",
            "messages",
        ):
            figures[contender][key] = median([run.get(key) for run in whole])
        figures[contender]["lineShare"] = median(
            [run["wireBytes"] / run["seconds"] / run["goodput"] for run in whole]
        )
        phases = defaultdict(list)
        for run in whole:
            for phase, seconds in run["phases"].items():
                phases[phase].append(seconds)
        figures[contender]["phases"] = {phase: median(values) for phase, values in phases.items()}
    runs = [run for each in by.values() for run in each]
    must = median(
        [run["mustMove"]["disks"] + run["mustMove"]["memory"] for run in runs if "mustMove" in run]
    )
    wire = must / median([run["goodput"] for run in runs]) if must else None
    ratios = {}
    for contender in ("fenced", "direct"):
        ours = figures.get(contender)
        if not ours or not ours["completed"]:
            continue
        ratios[contender] = {
            "toVirsh": _ratio(
                ours["secondsFromPrepared"], figures.get("virsh", {}).get("secondsFromPrepared")
            ),
            "toWire": _ratio(ours["seconds"], wire),
            "toCloudStack": _ratio(ours["seconds"], figures.get("cloudstack", {}).get("seconds")),
            "downtimeOverVirsh": _difference(
                ours["downtime"], figures.get("virsh", {}).get("downtime")
            ),
        }
    return {"contenders": figures, "wireSeconds": wire, "ratios": ratios}


def _ratio(ours, theirs):
    return ours / theirs if ours and theirs else None


def _difference(ours, theirs):
    return ours - theirs if ours is not None and theirs is not None else None


def table(results):
    """The medians as a table of Markdown."""
    lines = [
        "| scenario | contender | runs | from request | from prepared | to first byte | downtime "
        "| on the wire | share of line rate "
        "| guest slower by | to virsh | to the wire | to CloudStack |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, each in results["summary"].items():
        for contender, figures in each["contenders"].items():
            ratios = each["ratios"].get(contender, {})
            ended = f"{figures['completed']} of {figures['runs']}"
            cells = [
                name,
                contender,
                ended,
                _show(figures["seconds"], "{:.2f} s"),
                _show(figures["secondsFromPrepared"], "{:.2f} s"),
                _show(figures["secondsToFirstByte"], "{:.2f} s"),
                _show(figures["downtime"], "{:.0f} ms", 1000),
                _show(figures["wireBytes"], "{:.0f} MiB", 1 / MIB),
                _show(figures["lineShare"], "{:.0f} %", 100),
                _show(figures["slowdown"], "{:.0f} %", 100),
                _show(ratios.get("toVirsh"), "{:.3f}"),
                _show(ratios.get("toWire"), "{:.2f}"),
                _show(ratios.get("toCloudStack"), "{:.2f}"),
            ]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append(
            f"| {name} | wire | | {_show(each['wireSeconds'], '{:.2f} s')} | | | | | | | | | |"
        )
    return "\n".join(lines)


def phases(results):
    """Where Longshore's time goes, as a table of Markdown."""
    names = [
        "accepted",
        "queued",
        "preparing",
        "prepared",
        "transferring",
        "switching",
        "confirming",
    ]
    lines = [
        "| scenario | handover | "
        + " | ".join(names)
        + " | CPU of both agents | memory of an agent | messages |",
        "| --- " * (len(names) + 5) + "|",
    ]
    for name, each in results["summary"].items():
        for contender in ("fenced", "direct"):
            figures = each["contenders"].get(contender)
            if figures and figures["completed"]:
                cells = [
                    name,
                    contender,
                    *(_show(figures["phases"].get(phase), "{:.2f} s") for phase in names),
                ]
                cells += [
                    _show(figures["agentCPUSeconds"], "{:.2f} s"),
                    _show(figures["agentResidentBytes"], "{:.0f} MiB", 1 / MIB),
                    _show(figures["messages"], "{:.0f}"),
                ]
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _show(value, pattern, factor=1):
    return "" if value is None else pattern.format(value * factor)


def write(results, folder):
    """Writes a page with tables and plots, and all figures beside it."""
    import json

    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/figures.json", "w") as file:
        json.dump(results, file, separators=(",", ":"))
        file.write("\n")
    plot(
        results,
        "seconds",
        1,
        "seconds from the request to the guest at the destination",
        f"{folder}/figures-seconds.svg",
        wire=True,
    )
    plot(
        results,
        "downtime",
        1000,
        "longest silence of the guest, ms",
        f"{folder}/figures-downtime.svg",
    )
    plot(
        results,
        "lineShare",
        100,
        "share of what the link carries, %",
        f"{folder}/figures-line.svg",
    )
    with open(f"{ROOT}/contrib/benchmarks/page.md") as file:
        page = file.read()
    scenarios = "\n".join(
        f"| {each['name']} | {each['title']} | {each['link']}"
        f" | {'there' if each['has_template'] else 'lacks'} |"
        for each in results["scenarios"]
    )
    told = results["machine"]
    values = {
        "MACHINE": f"{told['processors']} processors ({told['model']}), Linux {told['kernel']}",
        "GOALS": goals.table(results),
        "SCENARIOS": "| name | guest | link | template |\n| --- | --- | --- | --- |\n" + scenarios,
        "TABLE": table(results),
        "PHASES": phases(results),
        **{
            name.upper(): who.table(results[name]) if results.get(name) else "Not measured."
            for name, who in OTHERS.items()
        },
    }
    for key, value in values.items():
        page = page.replace("{" + key + "}", value)
    with open(f"{folder}/figures.md", "w") as file:
        file.write(page)


def plot(results, key, factor, label, path, wire=False):
    """Draws a figure of all scenarios as bars: medians, with the span of the runs."""
    import matplotlib

    matplotlib.use("svg")
    # The same figures make the same file.
    matplotlib.rcParams.update({"svg.hashsalt": "longshore", "font.size": 9})
    from matplotlib import pyplot

    names = list(results["summary"])
    shown = [
        who
        for who in COLOURS
        if any(who in each["contenders"] for each in results["summary"].values())
    ]
    if wire:
        shown.append("wire")
    figure, axes = pyplot.subplots(
        figsize=(8, 0.9 + 0.16 * len(shown) * len(names) + 0.12 * len(names))
    )
    height = 0.8 / len(shown)
    for index, who in enumerate(shown):
        for row, name in enumerate(names):
            each = results["summary"][name]
            value = (
                each["wireSeconds"] if who == "wire" else each["contenders"].get(who, {}).get(key)
            )
            if value is None:
                continue
            axes.barh(row + index * height, value * factor, height * 0.9, color=COLOURS[who])
            span = [
                _figure(run, key)
                for run in results["runs"]
                if (run["scenario"], run["contender"], run["outcome"]) == (name, who, "completed")
            ]
            if len(span) > 1:
                axes.plot(
                    [min(span) * factor, max(span) * factor],
                    [row + index * height] * 2,
                    color="#333333",
                    linewidth=0.8,
                )
    axes.set_yticks([row + 0.4 - height / 2 for row in range(len(names))], names)
    axes.invert_yaxis()
    axes.set_xlabel(label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        [pyplot.Rectangle((0, 0), 1, 1, color=COLOURS[who]) for who in shown],
        shown,
        frameon=False,
        ncols=len(shown),
        loc="lower center",
        bbox_to_anchor=(0.4, 1.0),
    )
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _figure(run, key):
    return run["wireBytes"] / run["seconds"] / run["goodput"] if key == "lineShare" else run[key]
