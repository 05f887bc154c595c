"""The command that makes a run again: `mxgan train` with the flags and --set that give the same configuration."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, Optional

from mxgan.errors import ArgumentError, MXGANError, listed
from mxgan.recipes import RECIPES
from mxgan.runs.config import RunConfig
from mxgan.runs.flag_settings import SETTING_OF_FLAG
from mxgan.runs.given import SEVERAL, changes_of_several, default_config, with_full_paths
from mxgan.runs.published import published_name
from mxgan.runtime.config import override, setting_paths, short_path, to_dict

__all__ = ["command_of"]

_ABSENT = object()
_IDLE = "recipe.run_defaults."  # defaults of flags; the run has these settings itself


class _Option(NamedTuple):
    """A flag or a --set of the command, as it is written, and the settings that it changes."""

    words: tuple
    changes: Mapping


def command_of(config: RunConfig) -> str:
    """The command, on one line for a shell, that starts a run with this configuration.

    Raises ArgumentError if there is none, with the settings that no command can give.
    """
    name = _recipe_of(config)
    base = default_config(RECIPES[name], {})
    words = ["mxgan", "train", "--recipe", name]
    if (base.steps, base.epochs) != (config.steps, config.epochs):
        base = replace(base, steps=config.steps, epochs=config.epochs)
        words += ["--steps", str(config.steps)] if config.epochs is None else ["--epochs", str(config.epochs)]
    options = list(_options(base, config))
    _check(base, options, config)
    return shlex.join([*words, *(word for option in options for word in option.words)])


def _recipe_of(config: RunConfig) -> str:
    """The published recipe that the command names: the run's own, or else the one with the fewest other settings."""
    network = config.recipe.network
    same = [name for name, row in RECIPES.items() if type(row.network) is type(network)]  # --set keeps the network
    own = published_name(to_dict(config.recipe))
    if own in same:
        return own
    if not same:
        raise ArgumentError(f"no recipe has the network {network.name!r}, so no command makes this run again.")
    return min(same, key=lambda name: len(list(_differing(default_config(RECIPES[name], {}), config))))


def _check(base: RunConfig, options: list, config: RunConfig) -> None:
    """Raise ArgumentError unless the options turn the base into the configuration."""
    try:
        changes = {path: value for option in options for path, value in option.changes.items()}
        made = with_full_paths(override(base, changes), changes)
    except MXGANError as error:
        raise ArgumentError(f"no command makes this run again: {error}") from error
    wrong = [short_path(path) for path in _differing(made, config)]
    if wrong:
        raise ArgumentError(f"no command makes this run again: {listed(wrong)} cannot be given by flags, nor by --set.")


def _differing(base: RunConfig, config: RunConfig) -> Iterator[str]:
    """The paths of the settings in which two configurations differ, in the order of the second."""
    before, wanted = setting_paths(base), setting_paths(config)
    for path in [*wanted, *(path for path in before if path not in wanted)]:
        then, now = before.get(path, _ABSENT), wanted.get(path, _ABSENT)
        if (then != now or type(then) is not type(now)) and not path.startswith(_IDLE):
            yield path


def _options(base: RunConfig, config: RunConfig) -> Iterator[_Option]:
    """The fewest flags and settings that turn the base into the configuration."""
    wanted, waiting = setting_paths(config), dict.fromkeys(_differing(base, config))
    for name in SEVERAL:
        option = _of_both(name, base, wanted)
        if option is not None and waiting.keys() & option.changes.keys():
            yield option
            waiting = {path: None for path in waiting if path not in option.changes}
    whole = {path.rpartition(".")[0] for path in waiting if path not in wanted}  # groups that lose a setting
    for path in waiting:
        group = path.rpartition(".")[0]
        if path not in wanted or group in whole:
            continue
        yield _of_flag(path, wanted[path]) or _of_setting(path, wanted[path])
    for group in sorted(whole):
        values = {path[len(group) + 1 :]: to_dict(value) for path, value in wanted.items() if _is_in(path, group)}
        yield _of_setting(group, values)


def _is_in(path: str, group: str) -> bool:
    return path.rpartition(".")[0] == group


def _of_both(name: str, base: RunConfig, wanted: Mapping) -> Optional[_Option]:
    """A flag that sets both networks at once, if it gives the wanted values."""
    first = wanted.get(SEVERAL[name][0])
    if not isinstance(first, float):
        return None
    changes = changes_of_several(base.recipe, {name: first})
    fits = all(wanted.get(path) == value for path, value in changes.items())
    return _Option((f"--{name}", str(first)), changes) if fits else None


def _of_flag(path: str, value: Any) -> Optional[_Option]:
    """The flag of one setting; None if it has none that can give this value."""
    name = next((name for name, setting in SETTING_OF_FLAG.items() if setting == path), None)
    if name is None or value is None or not _TAKES.get(name, lambda given: True)(value):
        return None
    flag, text = f"--{name.replace('_', '-')}", str(value)
    if isinstance(value, bool):
        return _Option((flag if value else f"--no-{flag[2:]}",), {path: value})
    if isinstance(value, tuple):
        text = "x".join(map(str, value))
    return _Option((f"{flag}={text}",) if text.startswith("-") else (flag, text), {path: value})


# Flag → whether it can give a value of its setting; a flag that is not here gives every value but null.
_TAKES = {
    "nc": lambda value: value in (1, 3),
    "seed": lambda value: 0 <= value < 2**31,
    "batch_size": lambda value: value >= 1,
}


def _of_setting(path: str, value: Any) -> _Option:
    """--set of one setting, or of a group of them."""
    text = value if isinstance(value, str) and _is_plain(value) else json.dumps(to_dict(value), ensure_ascii=False)
    return _Option(("--set", f"{short_path(path)}={text}"), {path: text})


def _is_plain(text: str) -> bool:
    """Whether a text stays one when --set reads it: it spells no value of JSON, as "null" and "1" do."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return True
    return False
