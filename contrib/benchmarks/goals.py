"""What Longshore wants to reach, and what was measured of it."""

# A move that is shorter is mostly what each has to do once.
LONG = 30
# What comes between an order's acceptance and libvirt's migrate call.
BEFORE_TRANSFER = ("accepted", "queued", "preparing", "prepared")


def table(results):
    """Each goal with what was measured, as a table of Markdown."""
    there = {each["name"] for each in results["scenarios"] if each["has_template"]}
    rows = [*_moves(results["summary"], there), *_others(results)]
    lines = ["| goal | measured | reached |", "| --- | --- | --- |"]
    lines += [f"| {goal} | {measured} | {_word(reached)} |" for goal, measured, reached in rows]
    return "\n".join(lines)


def _word(reached):
    return {None: "not measured", True: "yes", False: "**no**"}[reached]


def _moves(summary, there):
    yield _each(
        summary,
        "from prepared to arrived at most 1.02 times virsh",
        lambda each, ratios: ratios["toVirsh"],
        lambda ratio: ratio <= 1.02,
        "{:.3f}",
    )
    yield _each(
        summary,
        f"moves of {LONG} s and more at most 1.10 times the wire",
        lambda each, ratios: (
            ratios["toWire"] if each["contenders"]["fenced"]["seconds"] >= LONG else None
        ),
        lambda ratio: ratio <= 1.10,
        "{:.2f}",
    )
    yield _each(
        {name: each for name, each in summary.items() if name in there},
        "with the template there, from acceptance to libvirt's migrate call at most 0.5 s",
        lambda each, ratios: _before_transfer(each["contenders"]["fenced"]["phases"]),
        lambda seconds: seconds <= 0.5,
        "{:.2f} s",
    )
    yield _each(
        summary,
        "with a template that lacks, at most 0.7 times the CloudStack sequence",
        lambda each, ratios: ratios["toCloudStack"],
        lambda ratio: ratio <= 0.7,
        "{:.2f}",
    )
    for contender, more in (("direct", 0), ("fenced", 30)):
        yield _each(
            summary,
            f"downtime of `{contender}` at most "
            + (f"{more} ms more than virsh's" if more else "virsh's"),
            lambda each, ratios: ratios["downtimeOverVirsh"],
            lambda seconds, more=more: seconds * 1000 <= more,
            "{:+.0f} ms",
            factor=1000,
            contender=contender,
        )
    ended = [
        (figures["completed"], figures["runs"])
        for each in summary.values()
        for contender, figures in each["contenders"].items()
        if contender in ("fenced", "direct")
    ]
    if ended:
        completed, runs = map(sum, zip(*ended))
        yield "every guest arrives, with all that it was told is written", (
            f"{completed} of {runs}"
        ), completed == runs


def _before_transfer(phases):
    return sum(phases.get(phase, 0) for phase in BEFORE_TRANSFER) if phases else None


def _each(summary, goal, value, good, pattern, factor=1, contender="fenced"):
    """A goal for every scenario: its figures from the best to the worst, and how many reach it."""
    found = []
    for name, each in summary.items():
        ratios = each["ratios"].get(contender)
        if ratios and (figure := value(each, ratios)) is not None:
            found.append((figure, name))
    if not found:
        return goal, "", None
    found.sort()
    reached = [figure for figure, _ in found if good(figure)]
    show = [pattern.format(figure * factor) for figure, _ in found]
    if len(found) == 1:
        return goal, f"{show[0]} ({found[0][1]})", bool(reached)
    return (
        goal,
        f"{show[0]} ({found[0][1]}) to {show[-1]} ({found[-1][1]}), median {show[len(show) // 2]};"
        f" {len(reached)} of {len(found)} scenarios",
        len(reached) == len(found),
    )


def _others(results):
    bus = results.get("bus")
    for key, what in (
        ("published", "confirmed publishes"),
        ("delivered", "acknowledged deliveries"),
    ):
        ratio = bus["ratios"][key] if bus else None
        goal = f"{what} at least 0.9 times a plain loop"
        yield goal, *_told(ratio, "{:.2f}", ratio and ratio >= 0.9)
    agent = (results.get("agent") or {}).get("medians", {})
    for key, goal, pattern, factor, good in (
        ("acceptedPerSecond", "1,000 orders accepted a second", "{:.0f}", 1, lambda n: n >= 1000),
        ("rejectedPerSecond", "3,000 orders rejected a second", "{:.0f}", 1, lambda n: n >= 3000),
        ("residentIdle", "an idle agent at most 40 MiB", "{:.0f} MiB", 2**-20, lambda n: n <= 40),
        (
            "residentRunning",
            "with 1,000 migrations ended and 50 that run at most 100 MiB",
            "{:.0f} MiB",
            2**-20,
            lambda n: n <= 100,
        ),
        (
            "secondsToStart",
            "starts with 100,000 ended migrations within a second",
            "{:.2f} s",
            1,
            lambda n: n < 1,
        ),
    ):
        figure = agent.get(key)
        shown = figure * factor if figure is not None else None
        yield goal, *_told(shown, pattern, shown is not None and good(shown))
    gateway = results.get("gateway")
    rate = gateway["medians"]["answersASecond"] if gateway else None
    yield "500 signed requests a second at the gateway, on one processor", *_told(
        rate, "{:.0f}", gateway and rate >= 0.99 * gateway["rate"]
    )
    resident = gateway["medians"]["resident"] / 2**20 if gateway else None
    yield "a gateway that has answered them, with 1,000 jobs known, at most 64 MiB", *_told(
        resident, "{:.0f} MiB", gateway and resident <= 64
    )
    for budget, figures in (results.get("budget") or {}).items():
        share = figures["medians"]["share"]
        yield f"a budget of {budget} MiB/s is kept within 5 %", *_told(
            share, "{:.1%} of it", 0.95 <= share <= 1.05
        )


def _told(figure, pattern, reached):
    return ("", None) if figure is None else (pattern.format(figure), bool(reached))
