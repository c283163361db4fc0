"""Watches a move from outside: the guest's console on both hosts, the link and the agents."""

import os
import threading
import time

# Between two looks at the consoles, in seconds: a fifth of the guest's beat.
CONSOLE_INTERVAL = 0.002
# Between two looks at counters.
COUNTER_INTERVAL = 0.05


class Watch:
    """Looks again and again, from a thread of its own, within the `with` statement.

    Times are in seconds since the epoch, as the moves' own records have them.
    """

    def __init__(self, lab, guest):
        self._lab = lab
        self._files = {host: lab.console(host, guest) for host in ("alpha", "beta")}
        self._agents = lab.agents()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look)
        # (time, host) of each beat; (time, number) of acknowledged blocks and of rewritten MiB;
        # (time, bytes sent).
        self.beats, self.acknowledged, self.rewritten, self.sent = [], [], [], []
        self.resident = 0
        self._cpu = self._seconds()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._thread.join()

    def _seconds(self):
        return sum(self._lab.cpu(pid) for pid in self._agents.values())

    def begin(self):
        """The present moment, of which the counters are known."""
        while not self.sent:
            time.sleep(COUNTER_INTERVAL)
        return time.time()

    @property
    def cpu(self):
        """The seconds of processors that both agents have had since the watch began."""
        return self._seconds() - self._cpu

    def _look(self):
        offsets = {
            host: os.path.getsize(path) if os.path.exists(path) else 0
            for host, path in self._files.items()
        }
        rests = dict.fromkeys(self._files, b"")
        counters = 0.0
        while not self._ending.is_set():
            now = time.time()
            for host, path in self._files.items():
                try:
                    size = os.stat(path).st_size
                except FileNotFoundError:
                    size = 0
                # What was said on an earlier visit is put aside, and the file begins anew.
                if size < offsets[host]:
                    offsets[host] = 0
                if size == offsets[host]:
                    continue
                with open(path, "rb") as file:
                    file.seek(offsets[host])
                    text = rests[host] + file.read()
                    offsets[host] = file.tell()
                lines = text.split(b"\n")
                rests[host] = lines.pop()
                for line in lines:
                    self._note(line.split(), now, host)
            if now - counters >= COUNTER_INTERVAL:
                counters = now
                self.sent.append((now, self._lab.sent("alpha")))
                self.resident = max(
                    [self.resident, *map(self._lab.resident, self._agents.values())]
                )
            time.sleep(CONSOLE_INTERVAL)

    def _note(self, words, now, host):
        if not words:
            return
        if words[0] == b"beat":
            self.beats.append((now, host))
        elif words[0] == b"ack" and len(words) == 4:
            self.acknowledged.append((now, int(words[1])))
        elif words[0] == b"rewrote" and len(words) == 2:
            self.rewritten.append((now, int(words[1])))

    # What was seen

    def arrived(self):
        """When the guest was first heard at the destination; None where it was not."""
        return next((at for at, host in self.beats if host == "beta"), None)

    def longest_gap(self):
        """The longest time in which the guest was not heard, in seconds."""
        times = [at for at, _ in self.beats]
        return max((later - earlier for earlier, later in zip(times, times[1:])), default=None)

    def first_byte(self, begin):
        """When the first MiB had left the source after a moment; None where it has not."""
        before = next((count for at, count in reversed(self.sent) if at <= begin), None)
        if before is None:
            return None
        return next(
            (at for at, count in self.sent if at > begin and count - before >= 1 << 20), None
        )

    def bytes_sent(self, begin, end):
        """What the source sent between two moments."""
        counts = [count for at, count in self.sent if begin <= at <= end + COUNTER_INTERVAL]
        return counts[-1] - counts[0] if len(counts) > 1 else 0

    def pace(self, begin, end):
        """The blocks that the guest acknowledged in a second, or the MiB that it rewrote."""
        series = self.rewritten if self.rewritten else self.acknowledged
        within = [(at, number) for at, number in series if begin <= at <= end]
        if len(within) < 2 or within[-1][0] == within[0][0]:
            return None
        return (within[-1][1] - within[0][1]) / (within[-1][0] - within[0][0])
