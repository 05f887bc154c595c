"""A process that runs case after case: one JSON job a line on its input, one JSON answer a line on its output.

Before each case the limit of address space is set to what the process has then, and what the case may add; the peak
of resident memory is measured besides, since a reader may not ask first and refuse after.
"""

from __future__ import annotations

import faulthandler
import gc
import hashlib
import json
import logging
import os
import re
import resource
import shutil
import sys
import time
import traceback
from pathlib import Path
from random import Random
from typing import Optional

from mxgan.errors import MXGANError
from tests.fuzz.byte_breakers import MARKER
from tests.fuzz.folder_breakers import VICTIM, files_in
from tests.fuzz.kinds import KINDS

__all__ = ["run_case"]

ROOM = 256 * 2**20  # what a case may take besides twice the size of its files
_GREEDY = re.compile(r"bad_alloc|insufficient memory|out of memory|cannot allocate", re.IGNORECASE)


def memory(name: str) -> int:
    """A line of /proc/self/status in bytes: VmSize, VmRSS, VmHWM."""
    text = Path("/proc/self/status").read_text()
    return int(re.search(rf"^{name}:\s*(\d+) kB", text, re.MULTILINE).group(1)) * 1024


def snapshot(folder: Path) -> dict:
    """{path: what is there} of everything under a folder; links are not followed."""
    found = {}
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(place, name)
            regular = path.is_file() and not path.is_symlink()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if regular else os.lstat(path).st_mode
            found[os.path.relpath(path, folder)] = content
    return found


def prepared(work: Path, kind: str, case: int, seed: int) -> tuple:
    """(folder, outside, how it was broken); a negative case is the good files as they are."""
    place = work / "cases" / f"{kind}-{case}"
    shutil.rmtree(place, ignore_errors=True)
    folder, outside = place / "inside", place / "outside"
    shutil.copytree(work / "good" / KINDS[kind].good, folder)
    shutil.copytree(work / "good" / "params", outside / f"{VICTIM}-folder")
    shutil.copy(work / "good" / "params" / "gen.params", outside / VICTIM)
    if case < 0:
        return folder, outside, "nothing"
    breakers = KINDS[kind].breakers
    how = breakers[case % len(breakers)](Random(f"{seed} {kind} {case}"), folder, outside, work / "good")
    return folder, outside, how


def run_case(work: Path, kind: str, case: int, seed: int) -> dict:
    """Break, use, look what has become of it: {"outcome": "loaded", "refused" or "fault", "message", "how", …}."""
    folder, outside, how = prepared(work, kind, case, seed)
    inside_before, outside_before = snapshot(folder), snapshot(outside)
    size = sum(path.stat().st_size for path in files_in(folder))
    os.chdir(outside)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts again at VmRSS
    resident, started = memory("VmRSS"), time.monotonic()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (memory("VmSize") + 2 * size + ROOM, limits[1]))
    try:
        outcome, message, trace = _attempt(KINDS[kind].use, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        os.chdir(work)
    seconds, peak = time.monotonic() - started, memory("VmHWM") - resident
    gc.collect()
    found = _touched(outcome, inside_before, snapshot(folder), outside_before, snapshot(outside))
    if outcome != "fault" and peak > 2 * size + ROOM:
        found = f"{peak / 2**20:.0f} MB of memory for {size / 2**20:.1f} MB of files ({message})"
    if found:
        outcome, message = "fault", found
    answer = {"outcome": outcome, "message": message.replace(str(folder), "CASE"), "how": how, "trace": trace}
    return {**answer, "seconds": round(seconds, 3), "peak": peak}


def _attempt(use, folder: Path) -> tuple:
    try:
        use(folder)
    except Exception as error:
        trace = traceback.format_exc()
        greedy = next(filter(None, map(_greed, _chain(error))), None)
        if greedy:
            return "fault", f"asks for more memory than it may have: {greedy}", trace
        if isinstance(error, MXGANError):
            return "refused", str(error), trace
        return "fault", f"{type(error).__name__}: {error}", trace
    return "loaded", "", ""


def _chain(error: Optional[BaseException]):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _greed(error: BaseException) -> Optional[str]:
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    return text if isinstance(error, MemoryError) or _GREEDY.search(str(error)) else None


def _touched(outcome: str, inside: dict, inside_now: dict, outside: dict, outside_now: dict) -> Optional[str]:
    """What was done to files that must not have been."""
    if MARKER in outside_now:
        return "code was run from the file"
    if outside_now != outside:
        changed = sorted(
            name for name in outside.keys() | outside_now.keys() if outside.get(name) != outside_now.get(name)
        )
        return f"outside the folder, changed: {', '.join(changed)}"
    allowed = (
        ".lock",
        "history.jsonl",
        "evaluation.jsonl",
        "config.json",
        "samples",
    )  # a step may come before the fault
    lost = [name for name, content in inside.items() if name not in inside_now and not name.startswith("checkpoints")]
    if outcome == "refused":
        lost = [
            name
            for name, content in inside.items()
            if inside_now.get(name) != content and name.split("/")[0] not in allowed
        ]
    lost = [name for name in lost if not name.endswith((".writing", ".deleting"))]  # what killed runs leave
    if lost:
        return f"{outcome}, but lost or changed: {', '.join(sorted(lost))}"
    return None


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever is printed does not disturb the answers
    faulthandler.enable()
    logging.disable(logging.CRITICAL)
    work = Path(sys.argv[1])
    for line in sys.stdin:
        job = json.loads(line)
        answers.write(json.dumps(run_case(work, **job)) + "\n")
        answers.flush()
        if job["case"] < 0:
            gc.freeze()  # what is imported by now need not be looked through after each case


if __name__ == "__main__":
    main()
