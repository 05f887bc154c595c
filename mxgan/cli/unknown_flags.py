"""A setting that is given as a flag: the error says how it is written."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple

import click

from mxgan.cli.streams import Command
from mxgan.errors import MXGANError
from mxgan.runtime.config import short_path

__all__ = ["Setting", "TrainingCommand", "settings_of_recipes"]


class TrainingCommand(Command):
    """A command with the flags of `mxgan train`: of an unknown flag that is a setting, it says how it is set."""

    def parse_args(self, ctx: click.Context, args: list) -> list:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            remedy = self._remedy(error.option_name, given)
            if not remedy:
                raise
            text = f"No such option: {error.option_name}. {remedy}"
            raise click.NoSuchOption(error.option_name, text, ctx=error.ctx) from error

    def _remedy(self, option: str, given: Sequence[str]) -> str:
        """How the setting that an option means is written; "" if it means none, or a flag."""
        try:
            settings = settings_of_recipes()
        except MXGANError:  # MXNet cannot be loaded: click's own message is left as it is
            return ""
        name, flags = option.lstrip("-").replace("-", "_"), [param.name for param in self.params]
        near = [name] if name in settings else difflib.get_close_matches(name, [*flags, *settings], 1)
        if not near or near[0] in flags:
            return ""
        meant = settings[near[0]]
        words = " or ".join(f"--set {key}={_value(option, given)}" for key in meant.keys)
        having = f" It belongs to --recipe {' or '.join(meant.recipes)}." if meant.recipes else ""
        start, end = ("It is a setting: write", ".") if near[0] == name else ("Did you mean the setting", "?")
        return f"{start} {words}{end}{having}"


class Setting(NamedTuple):
    """keys : what --set takes, one for each setting of this name. recipes : those that have it; empty for all."""

    keys: Sequence[str]
    recipes: Sequence[str]


def settings_of_recipes() -> dict:
    """{last part of a setting's path: `Setting`} of every setting of a run with any recipe."""
    from mxgan.recipes import RECIPES
    from mxgan.runs.config import RunConfig
    from mxgan.runtime.config import setting_paths

    paths: dict = {}  # {last part: {path: recipes}}
    for name, recipe in RECIPES.items():
        for path in setting_paths(RunConfig(recipe=recipe, steps=1)):
            if "run_defaults" not in path.split("."):
                paths.setdefault(path.rpartition(".")[2], {}).setdefault(path, []).append(name)
    found = {}
    for leaf, of_leaf in paths.items():
        having = [name for name in RECIPES if any(name in names for names in of_leaf.values())]
        keys = [leaf] if len(of_leaf) == 1 else [short_path(path) for path in of_leaf]
        found[leaf] = Setting(keys, [] if len(having) == len(RECIPES) else having)
    return found


def _value(option: str, given: Sequence[str]) -> str:
    """The value that an option was given; "…" if it has none."""
    for text, following in zip(given, [*given[1:], ""]):
        if text.startswith(f"{option}="):
            return text.partition("=")[2]
        if text == option and following and not following.startswith("-"):
            return following
    return "…"
