"""A process that ends with the one that has started it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from mxgan.runtime.parents import command_of
from tests.support import gone_within, is_alive

ROOT = Path(__file__).resolve().parents[2]
CHILD = (
    "import sys, time; from mxgan.runtime.parents import end_with; end_with(int(sys.argv[1])); print('up', flush=True)"
)
PARENT = (
    "import os, subprocess, sys, time\n"
    f"child = subprocess.Popen([sys.executable, '-c', {CHILD + '; time.sleep(60)'!r}, str(os.getpid())],"
    " stdout=subprocess.PIPE, start_new_session=True)\n"
    "child.stdout.readline()\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(60)\n"
)


def test_a_child_ends_when_its_parent_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        child = int(parent.stdout.readline())
        assert is_alive(child)
    finally:
        parent.kill()
        parent.communicate()
    assert gone_within(20, child)


def test_a_child_whose_parent_has_ended_already_ends_too():
    done = subprocess.run([sys.executable, "-c", CHILD, "1"], cwd=ROOT, capture_output=True)
    assert done.returncode == 128 + signal.SIGTERM
    assert done.stdout == b""


def test_the_command_takes_modules_from_where_this_process_has_them_and_not_from_the_working_folder(tmp_path):
    (tmp_path / "click.py").write_text("raise SystemExit('the click of the working folder')")
    done = subprocess.run(command_of(["--version"]), cwd=tmp_path, capture_output=True, text=True, env={**os.environ})
    assert done.stdout.startswith("mxgan, version"), done.stderr
