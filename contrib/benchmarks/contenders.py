"""What moves a guest, and what is measured of it."""

import calendar
import json
import os
import shlex
import subprocess
import time

from .lab import ROOT, LabError
from .watch import Watch

ALL = ("fenced", "direct", "virsh", "cloudstack")
# How long the guest is watched before it moves, in seconds.
BEFORE = 3
TEMPLATE = "debian-template.qcow2"


def move(lab, scenario, contender, number, verify):
    """Moves a new guest from alpha to beta, and gives what was seen of it."""
    guest = f"{contender}-{scenario.name}-{number}"
    run = {"scenario": scenario.name, "contender": contender, "run": number, "outcome": "failed"}
    # Each guest has a template of its own size.
    for host in ("alpha", "beta"):
        lab.on(host, "rm", "-f", f"{lab.folder(host)}/{TEMPLATE}")
    lab.run("guest-up", "alpha", guest, "--beat", "10", *shlex.split(scenario.guest))
    try:
        _place_template(lab, scenario)
        run["mustMove"] = _held(lab, scenario, guest)
        messages = lab.messages()
        with Watch(lab, guest) as watch:
            time.sleep(BEFORE)
            began = time.time()
            moved, record = (_longshore if contender in ("fenced", "direct") else _by_hand)(
                lab, scenario, contender, guest
            )
            ended = time.time()
            time.sleep(1)
        run.update(record)
        # What the broker was told by others meanwhile is the same for all, and next to nothing.
        if messages is not None and contender in ("fenced", "direct"):
            run["messages"] = lab.messages() - messages
        if contender in ("fenced", "direct"):
            run["agentCPUSeconds"], run["agentResidentBytes"] = watch.cpu, watch.resident
        if moved:
            _note(run, watch, began, record)
            run["outcome"] = "completed"
        run["ended"] = ended - began
    finally:
        _clean_up(lab, guest, run, verify and run["outcome"] == "completed")
    return run


def _note(run, watch, began, record):
    arrived, first = watch.arrived(), watch.first_byte(began)
    if arrived is None or first is None:
        raise LabError(
            f"the guest was not heard at the destination ({run['scenario']}, {run['contender']})"
        )
    run["seconds"] = arrived - began
    run["secondsFromPrepared"] = arrived - record["prepared"]
    run["secondsToFirstByte"] = first - began
    run["downtime"] = watch.longest_gap()
    run["wireBytes"] = watch.bytes_sent(began, arrived)
    calm, moving = watch.pace(0, began), watch.pace(first, arrived)
    run["slowdown"] = 1 - moving / calm if calm and moving is not None else None


def _longshore(lab, scenario, contender, guest):
    command = [
        f"{lab.binaries}/longshore",
        "migrate",
        guest,
        "--from",
        "alpha",
        "--to",
        "beta",
        "--handover",
        contender,
        "--deadline",
        f"{scenario.limit}s",
        "--format",
        "json",
        "--progress",
        "none",
        *shlex.split(scenario.longshore),
    ]
    result = subprocess.run(
        command, env=lab.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if not result.stdout:
        raise LabError(f"`{shlex.join(command)}` printed nothing: {result.stderr}")
    identifier = json.loads(result.stdout)["subject"]
    status = json.loads(
        subprocess.run(
            [f"{lab.binaries}/longshore", "status", identifier, "--format", "json"],
            env=lab.environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
    )
    at = {event["data"]["kind"]: _seconds(event["time"]) for event in status["events"]}
    kinds = [event["data"]["kind"] for event in status["events"]]
    end = status["events"][-1]["data"]
    record = {
        "prepared": at.get("prepared"),
        "phases": {kind: at[then] - at[kind] for kind, then in zip(kinds, kinds[1:])},
        "bytes": end.get("bytes"),
        "reportedDowntime": end["downtimeMs"] / 1000 if end.get("downtimeMs") is not None else None,
    }
    if end["kind"] != "completed":
        record["reasons"] = [reason["message"] for reason in end.get("reasons", [])]
    else:
        subprocess.run(
            [f"{lab.binaries}/longshore", "grace", "purge", "--yes", identifier],
            env=lab.environment,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    return end["kind"] == "completed", record


def _by_hand(lab, scenario, contender, guest):
    command = [f"{ROOT}/contrib/lab/virsh-migrate", "--name", lab.name, "--no-verify"]
    if contender == "cloudstack":
        command += ["--as", "cloudstack"]
    command += [guest, "alpha", "beta", "--", *shlex.split(scenario.virsh)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        output, errors = process.communicate(timeout=scenario.limit)
    except subprocess.TimeoutExpired:
        lab.on("alpha", "virsh", "--quiet", "domjobabort", guest)
        output, errors = process.communicate()
        errors = f"it did not end within {scenario.limit} s"
    if process.returncode != 0:
        return False, {"reasons": [errors.strip()]}
    told = json.loads(output)
    prepared = told["startedAt"] / 1000
    return True, {
        "prepared": prepared,
        "phases": {"preparing": told["prepareMilliseconds"] / 1000},
        "reportedDowntime": (
            told["downtimeMilliseconds"] / 1000
            if told["downtimeMilliseconds"] is not None
            else None
        ),
    }


def _seconds(text):
    """An event's time in seconds since the epoch."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    parsed = time.strptime(whole + " UTC", "%Y-%m-%dT%H:%M:%S %Z")
    return calendar.timegm(parsed) + float(f"0.{fraction or 0}")


def _place_template(lab, scenario):
    source, copy = (f"{lab.folder(host)}/{TEMPLATE}" for host in ("alpha", "beta"))
    if scenario.has_template and os.path.exists(source):
        # The hosts of the lab share a file system, in which no two pools overlap.
        lab.on("alpha", "cp", source, copy)
    # What is read first is read from the disk; that is nobody's merit.
    lab.on("alpha", "sh", "-c", f"cat {shlex.quote(lab.folder('alpha'))}/*.* >/dev/null")


def _held(lab, scenario, guest):
    """The bytes that have to move: what disks, memory and a lacking template hold."""
    folder = lab.folder("alpha")
    files = [f"{folder}/{name}" for name in os.listdir(folder) if name.startswith(f"{guest}-")]
    if not scenario.has_template:
        files.append(f"{folder}/{TEMPLATE}")
    disks = 0
    for path in files:
        extents = json.loads(lab.on("alpha", "qemu-img", "map", "-U", "--output", "json", path))
        disks += sum(each["length"] for each in extents if each["data"] and each["depth"] == 0)
    return {"disks": disks, "memory": lab.guest_memory(guest)}


def _clean_up(lab, guest, run, verify):
    host = "beta" if run["outcome"] == "completed" else "alpha"
    if verify:
        told = json.loads(lab.run("guest-verify", guest, "alpha", "beta", check=False) or "{}")
        run["blocks"] = told.get("blocksVerified")
        if not told.get("good"):
            run["outcome"], run["verification"] = "broken", told
    lab.run("guest-down", host, guest, check=False)
    lab.run("guest-down", "alpha" if host == "beta" else "beta", guest, check=False)
