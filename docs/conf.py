"""Sphinx: `python -m sphinx docs site` makes web pages of these Markdown files and of mxgan's docstrings."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

project = "mxgan"
author = "the mxgan authors"
copyright = "the mxgan authors, Apache License 2.0"  # noqa: A001 - Sphinx's name
release = re.search(r'^__version__ = "([^"]+)"$', (ROOT / "mxgan/__init__.py").read_text("utf-8"), re.MULTILINE).group(
    1
)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
html_theme = "furo"
html_title = f"mxgan {release}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["pages.css"]
highlight_language = "none"
default_role = "code"  # docstrings have single backticks
smartquotes = False  # --flags

myst_heading_anchors = 3  # page.md#a-heading, as GitHub has it

autodoc_member_order = "bysource"
maximum_signature_line_length = 100  # longer ones have a line for each argument
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = ["Source"]

# Pages at the top of the repository, each of which is included in a page here.
_ABOVE = re.compile(r"\]\((?:\.\./)?(ARCHITECTURE|CHANGELOG|CONTRIBUTING|SECURITY)\.md")
_ENTRY = re.compile(r"^(\*{0,2}[\w(][\w(), .]*?) : (.+)$")
_LISTS = ("Parameters", "Attributes", "Returns", "Yields", "Raises")


def link_to_pages_here(app, page: str, source: list) -> None:
    """On the site a link to ../SECURITY.md leads to its page; in the repository to the file."""
    source[0] = _ABOVE.sub(lambda found: f"]({found.group(1).lower()}.md", source[0])


def _markup(line: str) -> str:
    """What docstrings write and reStructuredText would misread: (N, *latent_shape), and `Module`s."""
    line = line.replace(", *", r", \*")
    return re.sub(r"`([^`]+)`(?=(\w?))", lambda found: found.group() + ("\\ " if found.group(2) else ""), line)


def _heading(line: str) -> str:
    """The section of a paragraph that follows a list of parameters without a heading of its own."""
    return "Source" if line.startswith("Source:") else "Examples" if line.startswith(">>>") else "Notes"


def numpydoc_sections(app, what, name, obj, options, lines: list) -> None:
    """This package's docstrings as numpydoc has them: entries `name : description`, and paragraphs after them."""
    section, before, new = None, "", []
    for number, line in enumerate(lines):
        line = _markup(line)
        below = lines[number + 1] if number + 1 < len(lines) else ""
        entry = _ENTRY.match(line) if section in _LISTS else None
        if line and below == "-" * len(line):
            section = line
        elif (
            line[:1].strip() and not before and not entry and (section in _LISTS or (section and line[:7] == "Source:"))
        ):
            section = _heading(line)
            new += [section, "-" * len(section)]
            line = line.partition("Source: ")[2] or line
        new += [entry.group(1), f"    {entry.group(2)}"] if entry else [line]
        before = line
    lines[:] = new


def complete_options() -> None:
    """Options as `--help` shows them, for sphinx-click: help that is made when asked for, and no default of None."""
    import click

    from mxgan.cli import main

    for command in main.commands.values():
        for option in command.params:
            if isinstance(option, click.Option):
                option.get_help_record(click.Context(command))
                option.show_default = option.show_default and isinstance(option.default, (str, int, float))


def setup(app) -> None:
    """Connect the functions above; docstrings come here before napoleon reads them."""
    complete_options()
    app.connect("source-read", link_to_pages_here)
    app.connect("autodoc-process-docstring", numpydoc_sections, priority=400)
