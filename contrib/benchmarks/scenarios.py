"""The guests and links that are measured."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Scenario:
    """A guest on a link."""

    name: str
    title: str
    # As tc writes it, or "unlimited".
    link: str = "400mbit"
    # Options of contrib/lab/guest-up.
    guest: str = ""
    # Whether the destination has the template.
    has_template: bool = True
    # Options of `longshore migrate` and of `virsh migrate` that mean the same.
    longshore: str = ""
    virsh: str = ""
    # Whether CloudStack's sequence takes part.
    cloudstack: bool = False
    # When a contender that does not come to an end is stopped, in seconds.
    limit: int = 180

    def described(self):
        """The scenario as the results have it."""
        return asdict(self)


ALL = [
    Scenario("idle-100mbit", "two disks, hardly any writes", "100mbit", limit=300),
    Scenario("idle-400mbit", "two disks, hardly any writes"),
    Scenario(
        "idle-1gbit",
        "two disks of 1 GiB of data, hardly any writes",
        "1gbit",
        "--data-size 6G",
        limit=300,
    ),
    Scenario("idle-unlimited", "two disks, hardly any writes", "unlimited"),
    Scenario(
        "memory-256m", "256 MiB of memory, 5 MiB/s of it change", guest="--memory 256 --dirty 5"
    ),
    Scenario(
        "memory-1g", "1 GiB of memory, 15 MiB/s of it change", guest="--memory 1024 --dirty 15"
    ),
    Scenario(
        "memory-4g",
        "4 GiB of memory, 20 MiB/s of it change",
        guest="--memory 4096 --dirty 20",
        limit=300,
    ),
    Scenario(
        "disk-below", "a disk is written at 15 MiB/s, a third of the link", guest="--rewrite 15"
    ),
    Scenario(
        "disk-near",
        "a disk is written at 35 MiB/s, three quarters of the link",
        guest="--rewrite 35",
    ),
    Scenario(
        "disk-above",
        "a disk is written at 60 MiB/s, more than the link; writes may wait for the copy",
        guest="--rewrite 60",
        longshore="--synchronous-writes",
        virsh="--copy-storage-synchronous-writes",
    ),
    Scenario("disks-1", "one disk, a linked clone", guest="--disks 1"),
    Scenario("disks-4", "four disks", guest="--disks 4 --data-size 256M"),
    Scenario("disks-16", "sixteen disks", guest="--disks 16 --data-size 128M"),
    Scenario(
        "template-missing-400mbit",
        "the destination lacks the template of 512 MiB",
        guest="--template-size 512M",
        has_template=False,
        cloudstack=True,
    ),
    Scenario(
        "template-missing-1gbit",
        "the destination lacks the template of 2 GiB",
        "1gbit",
        guest="--template-size 2G",
        has_template=False,
        cloudstack=True,
    ),
]
