"""A lab of two hosts, and what can be seen of it from outside."""

import os
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOSTS = ("alpha", "beta")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")

RECEIVE = """
import socket, sys, time
server = socket.create_server((sys.argv[1], 0))
print(server.getsockname()[1], flush=True)
connection, _ = server.accept()
buffer = bytearray(1 << 20)
total, began, last = 0, None, None
while count := connection.recv_into(buffer):
    last = time.monotonic()
    # From the first byte on, which the queue's allowance for bursts lets through at once.
    if began is None and total > 4 << 20:
        began, total = last, 0
    total += count
print(total / (last - began), flush=True)
"""
SEND = """
import socket, sys, time
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
end = time.monotonic() + float(sys.argv[3])
block = bytes(1 << 20)
while time.monotonic() < end:
    connection.sendall(block)
"""


class LabError(Exception):
    """The lab could not do what it was told."""


class Lab:
    """A lab that is there within the `with` statement."""

    def __init__(self, name, binaries):
        self.name = name
        self.binaries = binaries or self._build()
        self.log = tempfile.NamedTemporaryFile("w+", prefix="longshore-bench.", suffix=".log")
        self._goodput = {}

    def __enter__(self):
        if os.path.exists(f"/var/tmp/longshore-lab/{self.name}"):
            raise LabError(
                f"there is a lab '{self.name}' already: take another --name, or remove it with"
                " contrib/lab/down"
            )
        try:
            self.run("up", "--agent", f"{self.binaries}/longshored")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        text = self.run("env")
        self.environment = dict(os.environ, LONGSHORE_CLUSTER="lab")
        for line in text.splitlines():
            key, _, value = line.removeprefix("export ").partition("=")
            self.environment[key] = shlex.split(value)[0] if value else ""
        self.state = self.environment["LONGSHORE_LAB_STATE"]
        self.holders = {
            host: int(self._read(f"{self.state}/{host}/holder").split()[0]) for host in HOSTS
        }
        return self

    def __exit__(self, *_):
        self.run("down", check=False)

    @staticmethod
    def _build():
        for product in ("longshored", "longshore", "longshore-bench"):
            subprocess.run(
                ["swift", "build", "--package-path", ROOT, "-c", "release", "--product", product],
                check=True,
                stdout=sys.stderr,
            )
        return subprocess.run(
            ["swift", "build", "--package-path", ROOT, "-c", "release", "--show-bin-path"],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout.strip()

    # Commands

    def run(self, command, *arguments, check=True, timeout=600):
        """Runs a command of contrib/lab and gives what it prints."""
        words = [f"{ROOT}/contrib/lab/{command}", "--name", self.name, *arguments]
        result = subprocess.run(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout
        )
        self.log.write(f"$ {shlex.join(words)}\n{result.stderr}")
        if check and result.returncode != 0:
            told = result.stderr.strip() or result.stdout.strip()
            raise LabError(f"`{shlex.join(words[:1] + words[3:])}` failed: {told}")
        return result.stdout

    def on(self, host, *command, check=True):
        """Runs a command inside a host."""
        return self.run("on", host, *command, check=check)

    def folder(self, host):
        """A host's pool, as it and the machine see it."""
        return self.environment[f"LONGSHORE_LAB_{host.upper()}_PRIMARY"]

    def console(self, host, guest):
        """What a guest has written on a host, as the machine sees it."""
        return f"{self.state}/{host}/var/log/libvirt/qemu/{guest}-console.log"

    # What can be seen

    @staticmethod
    def _read(path):
        with open(path) as file:
            return file.read()

    def sent(self, host):
        """The bytes that a host has sent over its link."""
        for line in self._read(f"/proc/{self.holders[host]}/net/dev").splitlines():
            if line.strip().startswith("eth0:"):
                return int(line.split(":")[1].split()[8])
        raise LabError(f"{host} has no link")

    def agents(self):
        """The pids of the agents, as the machine sees them, by host."""
        networks = {os.readlink(f"/proc/{pid}/ns/net"): host for host, pid in self.holders.items()}
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if self._read(f"/proc/{pid}/comm").strip() == "longshored":
                    host = networks.get(os.readlink(f"/proc/{pid}/ns/net"))
                    if host:
                        found[host] = int(pid)
            except OSError:
                continue
        if set(found) != set(HOSTS):
            raise LabError("an agent does not run: see contrib/lab/agent log")
        return found

    def cpu(self, pid):
        """The seconds that a process has had of processors."""
        fields = self._read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident(self, pid):
        """The resident memory of a process, in bytes."""
        return int(self._read(f"/proc/{pid}/statm").split()[1]) * PAGE

    def guest_memory(self, guest):
        """The memory that a guest has touched, in bytes: what is resident of its RAM in QEMU."""
        size = int(
            re.search(r"<memory unit='KiB'>(\d+)<", self.on("alpha", "virsh", "dumpxml", guest))[1]
        )
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if f"guest={guest},".encode() in self._read(f"/proc/{pid}/cmdline").encode():
                    return self._resident_of(size, f"/proc/{pid}/smaps")
            except OSError:
                continue
        raise LabError(f"there is no QEMU of {guest}")

    def _resident_of(self, wanted, path):
        size = None
        for line in self._read(path).splitlines():
            key, _, value = line.partition(":")
            if key == "Size":
                size = int(value.split()[0])
            elif key == "Rss" and size == wanted:
                return int(value.split()[0]) << 10
        raise LabError(f"no mapping of QEMU has {wanted} KiB")

    def messages(self):
        """The messages that the broker has taken since it runs; None where it does not tell."""
        text = self.run("broker", "ctl", "eval", "rabbit_global_counters:overview().", check=False)
        counts = re.findall(r"messages_received_total\s*=>\s*(\d+)", text)
        return sum(map(int, counts)) if counts else None

    def goodput(self, link):
        """Sets the link's rate, and gives the bytes a second that one TCP connection carries."""
        for host in HOSTS:
            self.run("link", host, link)
        if link not in self._goodput:
            rates = sorted(self._tcp() for _ in range(3))
            self._goodput[link] = rates[1]
        return self._goodput[link]

    def _tcp(self):
        address = self.environment["LONGSHORE_LAB_BETA_ADDRESS"]
        inside = {
            host: ["nsenter", "--target", str(pid), "--net", "--"]
            for host, pid in self.holders.items()
        }
        receiver = subprocess.Popen(
            [*inside["beta"], sys.executable, "-c", RECEIVE, address],
            stdout=subprocess.PIPE,
            text=True,
        )
        port = receiver.stdout.readline().strip()
        subprocess.run(
            [*inside["alpha"], sys.executable, "-c", SEND, address, port, "4"], check=True
        )
        rate = float(receiver.stdout.readline())
        receiver.wait()
        return rate
