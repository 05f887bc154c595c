"""Two hosts on one machine: network namespaces with addresses, host names and disks of their own, and a link between.

    with two_hosts(folder, rate="1gbit") as hosts:
        subprocess.run(hosts.on_first(["mpirun", *hosts.of_mpirun(), "-n", "2", …]))

Needs Linux, root, and the programs ip, tc, unshare and mount. Everything is gone at the end, also after an error.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Optional

__all__ = ["Hosts", "NoHostsError", "two_hosts"]

NUMBERS = 1, 2
PROGRAMS = "ip", "tc", "unshare", "mount", "hostname"
PATIENCE = 10.0  # seconds for processes to end that were told to
LINK = "link0"
# What sshd gives to a command: nothing of the caller's environment.
BARE = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}

ENTER = """#!/bin/sh
# ENTER NUMBER PROGRAM ARGUMENT…: a program on one of the two hosts.
number=$1; shift
exec ip netns exec {prefix}$number unshare --mount --uts sh -c '
    hostname host'$number' && mount --bind {folder}/host'$number' {folder}/own && exec "$@"' host "$@"
"""
AGENT = """#!/bin/sh
# AGENT [OPTION…] ADDRESS COMMAND…: a command of the shell on the host of that address, as ssh does it.
while [ "${{1#-}}" != "$1" ]; do shift; done
address=$1; shift
cd /
exec env -i {bare} {folder}/enter ${{address##*.}} sh -c "$*"
"""


class NoHostsError(RuntimeError):
    """This machine does not let us make two hosts; the text says why."""


class Hosts(NamedTuple):
    """Two hosts, host1 and host2; a process of the test is on neither.

    Attributes
    ----------
    addresses : of host1 and of host2 on their link.
    names : their host names.
    namespaces : their network namespaces.
    own : a folder that each host sees with a content of its own.
    disks : where the test finds the content of `own` of host1 and of host2.
    hostfile : for mpirun, with one slot a host.
    agent : a program in place of ssh.
    shaped : what the link has: its rate, and its delay or why it has none.
    """

    addresses: tuple
    names: tuple
    namespaces: tuple
    own: Path
    disks: tuple
    hostfile: Path
    agent: Path
    shaped: str

    def on_first(self, command: Sequence[str]) -> list:
        """The command that runs `command` on host1."""
        return [str(self.agent.parent / "enter"), "1", *map(str, command)]

    def of_mpirun(self) -> list:
        """Options for mpirun (Open MPI 5) on host1: the hosts, one rank on each, not both on the same core."""
        reach = ["--allow-run-as-root", "--prtemca", "plm_ssh_agent", str(self.agent)]
        return [*reach, "--hostfile", str(self.hostfile), "--map-by", "node", "--bind-to", "none"]

    def cut(self) -> None:
        """Pull the cable: nothing comes through the link any more."""
        _run("ip", "-n", self.namespaces[1], "link", "set", LINK, "down")

    def pids(self) -> list:
        """The numbers of all processes that are on the two hosts."""
        found = [_run("ip", "netns", "pids", name, check=False).split() for name in self.namespaces]
        return [int(pid) for pids in found for pid in pids]


@contextmanager
def two_hosts(folder: Path, rate: Optional[str] = "1gbit", delay_ms: float = 0.0) -> Iterator[Hosts]:
    """Two hosts on one link.

    Parameters
    ----------
    folder : an existing folder for the scripts and the disks; the test's tmp_path.
    rate : bits per second each way, as tc has it ("1gbit", "100mbit"); None: not limited.
    delay_ms : one way; needs the kernel's netem, and is left out without it. `Hosts.shaped` says so.

    Raises
    ------
    NoHostsError : there is no `ip netns`, or this process may not use it.
    """
    _check()
    prefix = f"mxgan{os.getpid()}x{time.monotonic_ns() % 10**6}h"
    folder = folder.resolve() / "hosts"
    folder.mkdir()
    names = tuple(f"{prefix}{number}" for number in NUMBERS)
    try:
        _connect(names)
        shaped = _shape(names, rate, delay_ms)
        yield _written(folder, prefix, names, shaped)
    finally:
        _remove(names)


def _check() -> None:
    lost = [name for name in PROGRAMS if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")]
    if lost:
        raise NoHostsError(f"two hosts on one machine need {', '.join(lost)}, not found here (iproute2, util-linux)")
    if os.geteuid() != 0:
        raise NoHostsError("two hosts on one machine need root: network namespaces are made by ip netns add")


def _connect(names: tuple) -> None:
    """Two namespaces and the link between them."""
    try:
        for name in names:
            _run("ip", "netns", "add", name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
        first, second = names
        _run("ip", "link", "add", LINK, "netns", first, "type", "veth", "peer", "name", LINK, "netns", second)
        for number, name in zip(NUMBERS, names):
            _run("ip", "-n", name, "addr", "add", f"10.77.0.{number}/24", "dev", LINK)
            _run("ip", "-n", name, "link", "set", LINK, "up")
            _run("ip", "netns", "exec", name, "unshare", "--mount", "--uts", "true")
    except subprocess.CalledProcessError as error:
        raise NoHostsError(f"no network namespaces here: {shlex.join(error.cmd)}: {error.stderr.strip()}") from error


def _shape(names: tuple, rate: Optional[str], delay_ms: float) -> str:
    """Limit both directions of the link; says what it has."""
    told = [rate or "no limit of rate"]
    try:
        for name in names if rate else ():
            limits = ["rate", rate, "burst", "128kb", "latency", "50ms"]
            _run("tc", "-n", name, "qdisc", "add", "dev", LINK, "root", "handle", "1:", "tbf", *limits)
    except subprocess.CalledProcessError as error:
        raise NoHostsError(f"the link cannot be limited: {shlex.join(error.cmd)}: {error.stderr.strip()}") from error
    try:
        for name in names if delay_ms else ():
            below = ["parent", "1:1", "handle", "10:"] if rate else ["root"]
            _run("tc", "-n", name, "qdisc", "add", "dev", LINK, *below, "netem", "delay", f"{delay_ms}ms")
        told.append(f"delay {delay_ms:g} ms" if delay_ms else "no delay")
    except subprocess.CalledProcessError as error:
        told.append(f"no delay (this kernel has no netem: {error.stderr.strip().splitlines()[0]})")
    return ", ".join(told)


def _written(folder: Path, prefix: str, names: tuple, shaped: str) -> Hosts:
    """The scripts, the hostfile and the folders of the two hosts."""
    disks = tuple(folder / f"host{number}" for number in NUMBERS)
    for each in (*disks, folder / "own"):
        each.mkdir()
    bare = " ".join(f"{name}={value}" for name, value in BARE.items())
    texts = {"enter": ENTER.format(prefix=prefix, folder=folder), "agent": AGENT.format(bare=bare, folder=folder)}
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    addresses = tuple(f"10.77.0.{number}" for number in NUMBERS)
    (folder / "hostfile").write_text("".join(f"{address} slots=1\n" for address in addresses))
    return Hosts(
        addresses, ("host1", "host2"), names, folder / "own", disks, folder / "hostfile", folder / "agent", shaped
    )


def _remove(names: tuple) -> None:
    """End what still runs on the hosts, then delete them; the link goes with them."""
    for name in names:
        until = time.monotonic() + PATIENCE
        while (pids := _run("ip", "netns", "pids", name, check=False).split()) and time.monotonic() < until:
            for pid in pids:
                _kill(int(pid))
            time.sleep(0.05)
        _run("ip", "netns", "delete", name, check=False)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):  # it has ended by itself
        os.kill(pid, signal.SIGKILL)


def _run(*command: str, check: bool = True) -> str:
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    return subprocess.run(command, capture_output=True, text=True, check=check, env=environment).stdout
