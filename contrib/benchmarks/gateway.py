"""The gateway for CloudStack's clients: answers a second on one processor, and memory."""

import base64
import hashlib
import hmac
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from .lab import LabError, PAGE

JOBS = 1000
# Requests a second that are asked for, and for how long.
RATE, SECONDS = 500, 20
CONNECTIONS = 8
KEY, SECRET = "key-of-bench", "0123456789abcdef0123456789abcdef"


def measure(lab, runs):
    """Gives the figures of all runs, and their medians."""
    figures = {}
    ids = _jobs(lab)
    for number in range(1, runs + 1):
        with Gateway(lab) as gateway:
            run = _run(lab, gateway, ids)
        for key, value in run.items():
            figures.setdefault(key, []).append(value)
        told = ", ".join(f"{key} {value:.4g}" for key, value in run.items())
        print(f"gateway {number}: {told}", file=sys.stderr, flush=True)
    return {
        "jobs": JOBS,
        "rate": RATE,
        "medians": {key: statistics.median(values) for key, values in figures.items()},
        "all": figures,
    }


def _jobs(lab):
    """Has migrations told of that there are not, and gives their ids."""
    broker = lab.environment["LONGSHORE_TEST_BROKER"]
    command = [f"{lab.binaries}/longshore-bench", "jobs", "--broker", broker]
    command += ["--cluster", "lab", "--jobs", str(JOBS)]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ids = result.stdout.split()
    if result.returncode != 0 or len(ids) != JOBS:
        raise LabError(f"no jobs: {result.stderr.strip()}")
    return ids


class Gateway:
    """A gateway on one processor, within the `with` statement."""

    def __init__(self, lab):
        self.keys = tempfile.NamedTemporaryFile("w", suffix=".yaml")
        self.keys.write(
            f"keys:\n  - {{name: bench, apiKey: {KEY}, secretKey: {SECRET}, role: read}}\n"
        )
        self.keys.flush()
        os.chmod(self.keys.name, 0o600)
        self.command = ["taskset", "-c", "0", f"{lab.binaries}/longshore", "gateway"]
        self.command += ["--listen", "127.0.0.1:0", "--keys", self.keys.name]
        self.environment = dict(lab.environment)
        self.environment["LONGSHORE_BROKER"] = lab.environment["LONGSHORE_TEST_BROKER"]

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stderr=subprocess.PIPE, text=True, env=self.environment
        )
        line = self.process.stderr.readline()
        told = re.search(r":(\d+)/client/api", line)
        if not told:
            self.__exit__()
            raise LabError(f"the gateway says '{line.strip()}'")
        self.port = int(told[1])
        # What it says is not to fill the pipe.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.keys.close()

    def resident(self):
        """The memory that it has, in bytes."""
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * PAGE


def _request(job):
    """The bytes of a signed request."""
    expires = time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime(time.time() + 600))
    values = {
        "apiKey": KEY,
        "command": "queryAsyncJobResult",
        "expires": expires,
        "jobid": job,
        "response": "json",
        "signatureVersion": "3",
    }
    query = "&".join(
        f"{name}={urllib.parse.quote(value, safe='*')}" for name, value in sorted(values.items())
    )
    digest = hmac.new(SECRET.encode(), query.lower().encode(), hashlib.sha1).digest()
    signature = urllib.parse.quote(base64.b64encode(digest), safe="")
    target = f"/client/api?{query}&signature={signature}"
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def _ask(connection, request):
    """Asks over a connection that stays, and gives the answer's status and body."""
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        more = connection.recv(65536)
        if not more:
            raise LabError("the gateway has closed the connection")
        answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?i)\r\ncontent-length: (\d+)", head)[1])
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split()[1]), body


def _run(lab, gateway, ids):
    _wait(gateway, ids)
    requests = [_request(job) for job in ids]
    at_rest = gateway.resident()
    used = lab.cpu(gateway.process.pid)
    times, faults = [], []
    began = time.monotonic()
    threads = [
        threading.Thread(
            target=_client, args=(gateway.port, requests, number, began, times, faults)
        )
        for number in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    used = lab.cpu(gateway.process.pid) - used
    if faults:
        raise LabError(f"{len(faults)} requests failed, the first: {faults[0]}")
    times.sort()
    return {
        "answersASecond": len(times) / took,
        "processors": used / took,
        "medianMs": 1000 * times[len(times) // 2],
        "p99Ms": 1000 * times[len(times) * 99 // 100],
        "residentAtRest": at_rest,
        "resident": gateway.resident(),
    }


def _wait(gateway, ids):
    """Waits until the gateway knows the last of the jobs."""
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        for _ in range(600):
            status, _ = _ask(connection, _request(ids[-1]))
            if status == 200:
                return
            time.sleep(0.1)
    raise LabError("the gateway does not know the jobs")


def _client(port, requests, number, began, times, faults):
    """Asks at its share of the rate; one that is late asks at once."""
    count = RATE * SECONDS // CONNECTIONS
    try:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for step in range(count):
                due = began + (step * CONNECTIONS + number) / RATE
                time.sleep(max(0, due - time.monotonic()))
                start = time.monotonic()
                status, body = _ask(connection, requests[(step * CONNECTIONS + number) % JOBS])
                times.append(time.monotonic() - start)
                if status != 200 or b'"jobstatus":' not in body:
                    faults.append(body.decode(errors="replace"))
    except (OSError, LabError) as error:
        faults.append(str(error))


def table(results):
    """The medians as a table of Markdown."""
    medians = results["medians"]
    rows = (
        ("signed queryAsyncJobResult answered a second", f"{medians['answersASecond']:.0f}"),
        ("of one processor", f"{100 * medians['processors']:.0f} %"),
        ("an answer takes (median)", f"{medians['medianMs']:.1f} ms"),
        ("99 of 100 take no more than", f"{medians['p99Ms']:.1f} ms"),
        ("memory before", f"{medians['residentAtRest'] / 2**20:.0f} MiB"),
        ("memory after", f"{medians['resident'] / 2**20:.0f} MiB"),
    )
    head = [
        f"| gateway, {results['jobs']} jobs, {results['rate']} requests a second | median |",
        "| --- | --- |",
    ]
    return "\n".join(head + [f"| {a} | {b} |" for a, b in rows])
