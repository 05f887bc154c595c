"""README and docs: their Python runs, their links lead somewhere, and their commands and flags exist."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import mxgan
from benchmarks.results.plans import PLANS, SUITES
from mxgan.cli import main
from mxgan.recipes import RECIPES
from tests.support import long_but

ROOT = Path(__file__).resolve().parent.parent
PAGES = {str(path.relative_to(ROOT)): path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}

BLOCK = re.compile(r"^(<!-- not run: (.+?) -->\n)?```([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OPTIONS_OF_OTHERS = {"--no-deps", "--mca", "--prtemca", "--bind-to"}  # pip's, mpirun's


def blocks(name: str, language: str) -> list:
    """(content, reason not to run it or None) of each fenced block of a language, "" for none."""
    return [(found[4], found[2]) for found in BLOCK.finditer(TEXTS[name]) if found[3] == language]


def spans(name: str) -> list:
    """Code inside the text, in single backticks."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", BLOCK.sub("", TEXTS[name]))


def test_the_readme_is_short():
    assert len(TEXTS["README.md"].splitlines()) <= 150


@pytest.mark.parametrize("name", long_but([name for name in PAGES if blocks(name, "python")], "README.md"))
def test_the_python_of_a_page_runs_as_it_stands(name, tmp_path):
    """The blocks of a page are one program: each uses the names of those before it."""
    code = "\n".join(content for content, reason in blocks(name, "python") if not reason)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    printed = iter(done.stdout.splitlines())  # whole lines, in the order of the page
    for expected in re.findall(r"^print\(.*\)  # (\(.*\)(?: float32)?|[\d.]+)(?=$|,)", code, flags=re.MULTILINE):
        assert expected in printed, f"{name} says {expected!r}: {done.stdout}"


def anchors(path: Path) -> set:
    """The anchors of a page's headings, as GitHub and MyST make them."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_links_and_pictures_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)]+)\)", BLOCK.sub("", TEXTS[name])):
        path, _, anchor = target.partition("#")
        found = PAGES[name].parent / path if path else PAGES[name]
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def commands_of(text: str) -> list:
    """[[program, argument, …], …] of one line: without comment, `timeout`, and the environment's folder."""
    found = []
    text = re.sub(r"(^|\s)#.*$", "", text).replace("--recipe NAME", "--recipe dcgan")
    for part in re.split(r"&&|;", text):
        words = [word for word in shlex.split(part) if word != "…"]
        if words and words[0] == "timeout":
            words = words[words.index("KILL") + 2 :]
        if words:
            found.append([words[0].rpartition("mxgan-env/bin/")[2], *words[1:]])
    return found


@functools.cache
def program(path: str):
    """The click command of an example, or the text of one that has argparse."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return text if "argparse" in text else runpy.run_path(str(ROOT / path))["main"]


BENCHMARKS = {  # after python -m: its module
    "benchmarks": "benchmarks.__main__",
    "benchmarks.results": "benchmarks.results.__main__",
    "benchmarks.quality": "benchmarks.quality.__main__",
    "benchmarks.tables": "benchmarks.tables",
    "benchmarks.judges": "benchmarks.judges",
    "benchmarks.serve": "benchmarks.serve",
    "benchmarks.explorer": "benchmarks.explorer",
    "benchmarks.scaling": "benchmarks.scaling",
}


def check_click(command: click.Command, arguments: list) -> None:
    """Parse the arguments; of a training ask for its settings too."""
    if "--help" in arguments:
        return
    is_form = any(re.search(r"\b(FILE|NAME)\b", argument) for argument in arguments)  # no file of such a name
    if "dry_run" in {option.name for option in command.params} and not resumes(arguments) and not is_form:
        found = CliRunner().invoke(command, [*arguments, "--dry-run"])
        assert found.exit_code == 0, f"{' '.join(arguments)}: {found.output}"
        if command.name != "sweep" and "--format" not in arguments:
            assert json.loads(found.output)["recipe"]
    else:
        command.make_context(command.name, list(arguments))


def resumes(arguments: list) -> bool:
    return "--resume" in arguments and arguments[arguments.index("--resume") + 1] != "auto"


def check_module(name: str, arguments: list) -> None:
    if name in BENCHMARKS:
        check_click(importlib.import_module(BENCHMARKS[name]).main, arguments)
    elif name.startswith("tests."):
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), name
    else:
        assert name in ("pytest", "sphinx"), name


def check_command(words: list) -> bool:
    """Whether it is one of ours; fails when it does not exist or does not take its arguments."""
    name, *arguments = words
    if name == "mxgan" and arguments:
        assert arguments[0] in main.commands, words
        if arguments[0] == "launch" and importlib.util.find_spec("mpi4py") is None:
            return True  # it looks for MPI first; .ci/run has it
        if arguments[1:]:
            check_click(main.commands[arguments[0]], arguments[1:])
    elif name == "python" and arguments[:1] == ["-m"]:
        check_module(arguments[1], arguments[2:])
    elif name == "python" and arguments and arguments[0].startswith("examples/"):
        found = program(arguments[0])
        if isinstance(found, str):
            assert all(f'"{word}"' in found for word in arguments[1:] if word.startswith("--")), words
        else:
            check_click(found, arguments[1:])
    else:
        return False
    return True


@pytest.mark.parametrize("name", PAGES)
def test_commands_exist_and_take_their_flags(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for processes of mxgan launch, which look at the flags too
    (tmp_path / "DIR").mkdir()  # which some options look for
    for content, _ in blocks(name, "yaml"):  # a file of settings begins with its name
        (tmp_path / content.partition("\n")[0].lstrip("# ")).write_text(content)
    lines = [line for content, _ in blocks(name, "") for line in content.splitlines()]
    lines = [line for line in lines if re.match(r"(mxgan|python|timeout|python3 -m venv)\b", line)]
    lines += [span for span in spans(name) if re.match(r"(mxgan|python) \S", span)]
    checked = [check_command(words) for line in lines for words in commands_of(line)]
    if name in ("README.md", "docs/start.md", "docs/recipes.md", "docs/data.md", "docs/runs.md", "docs/evaluation.md"):
        assert sum(checked) >= 5


@functools.cache
def known_flags() -> set:
    commands = [*main.commands.values(), *(importlib.import_module(module).main for module in BENCHMARKS.values())]
    flags = {
        flag for command in commands for option in command.params for flag in (*option.opts, *option.secondary_opts)
    }
    examples = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*.py"))
    return flags | set(re.findall(r'"(--[a-z-]+)"', examples)) | OPTIONS_OF_OTHERS | {"--help"}


@pytest.mark.parametrize("name", PAGES)
def test_flags_that_are_named_in_the_text_exist(name):
    for span in spans(name):
        for flag in re.findall(r"(?<!\S)--[a-z][a-z0-9-]*", span) if span.startswith("--") else ():
            assert flag in known_flags(), span


@pytest.mark.parametrize("name", PAGES)
def test_settings_that_are_named_in_the_text_are_of_some_recipe(name):
    for span in spans(name):
        if "--set " not in span or not span.startswith("--") or re.search(r"=(N\b|$)|KEY|…", span):
            continue
        found = [
            CliRunner().invoke(main, ["train", "--recipe", recipe, *shlex.split(span), "--dry-run"])
            for recipe in RECIPES
        ]
        assert any(each.exit_code == 0 for each in found), f"{span}: {found[0].output}"


def test_every_recipe_has_a_row():
    for recipe in RECIPES:
        assert TEXTS["docs/recipes.md"].count(f"\n| `{recipe}` |") == 1, recipe


def test_every_recipe_has_its_default_image_size_in_the_table():
    rows = re.findall(r"^\| (`.*?) \| .* \| ([0-9]+) \|$", TEXTS["docs/questions.md"], flags=re.MULTILINE)
    told = {name: int(size) for names, size in rows for name in re.findall(r"`([^`]+)`", names)}
    assert told == {name: recipe.network.image_size for name, recipe in RECIPES.items()}


def test_the_index_counts_the_recipes():
    assert f"{len(RECIPES)} published" in TEXTS["docs/index.md"]


def test_the_commands_of_the_results_are_those_of_the_plans():
    part = TEXTS["docs/recipes.md"].partition("## The commands of the results")[2].partition("\n## ")[0]
    commands = re.findall(r"^python (examples/\w+\.py) ?(.*)$", part, flags=re.MULTILINE)
    planned = {}
    for plan in (plan for plan in PLANS if SUITES[plan.suite].data == "mnist"):
        flags = ["--recipe", plan.recipe, *plan.flags.split(), f"--{plan.unit}", str(plan.length)]
        planned[plan.name] = training_of(main, ["train", "--dataset", "mnist", *flags])
    found = []
    for path, arguments in commands:
        training = training_of(program(path), arguments.split())  # as the page has it: with its own data set
        found += [name for name, known in planned.items() if known == training] or [f"none: {path} {arguments}"]
    others = {"headline", "dcgan", "dcgan-original", "cgan", "cbr-gan-published"}  # README, other pages, their folder
    assert sorted(found) == sorted(planned.keys() - others)


def training_of(command, arguments: list) -> dict:
    """What is trained, on what and for how long, as `--dry-run` prints it; without the average, which plans add."""
    found = CliRunner().invoke(command, [*arguments, "--dry-run"])
    assert found.exit_code == 0, f"{arguments}: {found.output}"
    run = json.loads(found.output)
    recipe = {key: value for key, value in run["recipe"].items() if key not in ("ema", "run_defaults")}
    return {"recipe": recipe, **{key: run[key] for key in ("dataset", "limit", "steps", "epochs")}}


def test_the_reference_has_every_public_name():
    for public in mxgan.__all__:
        assert re.search(rf"^\.\. .*:: mxgan\.{public}$", TEXTS["docs/reference.md"], flags=re.MULTILINE), public


def test_the_two_commands_are_the_same_in_the_docs():
    commands = re.findall(r"^python3 -m venv .*$", TEXTS["README.md"], flags=re.MULTILINE)
    assert len(commands) == 2
    assert all(f"\n{command}\n" in TEXTS["docs/start.md"] for command in commands)
    assert " train " in commands[0], ".ci/debian13 takes the first one"


@pytest.mark.long
def test_the_docs_build_without_a_warning(tmp_path):
    for package in ("sphinx", "myst_parser", "furo", "sphinx_click"):
        pytest.importorskip(package, reason=f'the docs are built by {package}: pip install ".[docs]"')
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "docs", str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "reference.html").stat().st_size > 100_000
