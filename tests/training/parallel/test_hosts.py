"""Two ranks on two hosts: the bits of two ranks on one, and files on the first host alone. See tests/namespaces.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.namespaces import NoHostsError, two_hosts
from tests.processes import wait_until
from tests.ranks import mpirun, run_ranks
from tests.support import gone_within
from tests.tiny_run import checkpoint_faults, contents, differences, environment, history, tiny_flags

PATIENCE = 120.0
TRAIN = "import runpy, sys; sys.argv[0] = 'mxgan'; runpy.run_module('mxgan', run_name='__main__')"


def command_on(hosts, flags: list) -> list:
    """The command that trains as one rank on each host."""
    mpirun()  # else the test is skipped
    agent = f"--prtemca plm_ssh_agent {hosts.agent} --map-by node"
    started = [sys.executable, "-m", "mxgan", "launch", "-n", "2", "--hosts", hosts.hostfile, "--mpirun-option", agent]
    return hosts.on_first([*started, "--", "train", *flags])


def trained_on(hosts, run: Path, flags: list, **variables: str) -> str:
    """Train as one rank on each host, with further environment variables of the command; what it said."""
    command = command_on(hosts, [*flags, "--run-dir", str(run)])
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment(**variables))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def test_two_hosts_train_to_the_bits_of_two_ranks_on_one(hosts, tmp_path):
    flags = tiny_flags(6, log_every=2, sample_every=3, checkpoint_every=3)
    # Those of an old processor, with other last bits than today's; ssh does not pass the variable.
    kernels = {"OPENBLAS_CORETYPE": "Prescott"}
    said = trained_on(hosts, hosts.own / "run", flags, **kernels)
    assert "rank 0 on host1" in said
    assert "rank 1 on host2" in said
    assert hosts.pids() == []
    alone = run_ranks(2, TRAIN, "train", *flags, "--run-dir", tmp_path / "run", timeout=PATIENCE, **kernels)
    assert alone.returncode == 0, alone.stderr
    first, second = hosts.disks
    found = contents(first / "run")
    assert any(name.endswith(".params") for name in found)
    assert differences(found, contents(tmp_path / "run")) == []
    assert list(second.iterdir()) == []  # the second host wrote nothing, and needed no disk of the first


@pytest.mark.long
def test_two_hosts_train_mnist(hosts, mxgan_data):
    sizes = ["--ngf", "16", "--ndf", "16", "--image-size", "32", "--nc", "1"]
    flags = ["--dataset", "mnist", "--data-dir", str(mxgan_data / "mnist"), *sizes, "--steps", "30"]
    trained_on(hosts, hosts.own / "run", [*flags, "--display", "none"])
    assert (hosts.disks[0] / "run" / "checkpoints" / "000030" / "state.json").is_file()
    assert list(hosts.disks[1].iterdir()) == []


@pytest.mark.long
def test_a_cable_that_is_pulled_ends_the_job_on_both_hosts(hosts, tmp_path):
    flags = tiny_flags(10**6, checkpoint_every=50, log_every=50)
    command = command_on(hosts, [*flags, "--run-dir", str(hosts.own / "run")])
    run = hosts.disks[0] / "run"
    with (tmp_path / "said.txt").open("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment())
        try:
            wait_until(lambda: len(history(run)) >= 3 or process.poll() is not None)
            hosts.cut()
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()
        wait_until(lambda: not hosts.pids())
        said.seek(0)
        errors = [line for line in said if "rror" in line]
    assert process.returncode == 1
    assert [("host2" in line) for line in errors] == [True], errors
    newest, faults = checkpoint_faults(run)
    assert (newest >= 100, faults) == (True, [])


def test_hosts_have_names_disks_and_a_link_of_their_own(hosts):
    asked = "hostname; ls -d /sys/class/net/*; echo x > $0/file; ls $0"
    said = subprocess.run(hosts.on_first(["sh", "-c", asked, hosts.own]), capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["host1", "/sys/class/net/link0", "/sys/class/net/lo", "file"]
    told = subprocess.run(
        [hosts.agent, "-x", hosts.addresses[1], f"hostname; ls {hosts.own}"], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["host2"]
    assert list(hosts.own.iterdir()) == []
    assert [sorted(path.name for path in disk.iterdir()) for disk in hosts.disks] == [["file"], []]


def test_nothing_of_the_hosts_stays_after_an_error(tmp_path):
    try:
        with two_hosts(tmp_path, rate=None) as hosts:
            process = subprocess.Popen(hosts.on_first(["sleep", "600"]))
            while not hosts.pids():
                assert process.poll() is None
            raise KeyError("an error of the test")
    except NoHostsError as error:
        pytest.skip(str(error))
    except KeyError:
        process.wait(60)
    assert gone_within(60, process.pid)
    assert not {name for name in hosts.namespaces if os.path.exists(f"/run/netns/{name}")}
