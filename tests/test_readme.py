"""README's Python runs as it stands, its links lead somewhere, and the commands it names exist."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from mxgan.cli import main
from mxgan.recipes import RECIPES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_runs_as_it_stands(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert 0 < float(done.stdout) < 1


def test_links_and_pictures_lead_somewhere():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_commands_and_recipes_that_are_named_exist():
    named = set(re.findall(r"^mxgan (\w+)", README, flags=re.MULTILINE)) | set(re.findall(r"`mxgan (\w+)", README))
    assert named <= set(main.commands)
    assert "train" in named
    for recipe in RECIPES:
        assert f"| `{recipe}` |" in README


def test_the_commands_of_the_sheet_are_accepted():
    details = README.partition("<details>")[2].partition("</details>")[0]
    commands = re.findall(r"^python examples/(\w+)\.py (.*)$", details, flags=re.MULTILINE)
    assert len(commands) == 11
    for program, arguments in commands:
        example = runpy.run_path(str(ROOT / "examples" / f"{program}.py"))["main"]
        found = CliRunner().invoke(example, [*arguments.split(), "--dry-run"])
        assert found.exit_code == 0, f"{program} {arguments}: {found.output}"
        assert json.loads(found.output)["dataset"] == "mnist"
