"""Settings as `--set KEY=VALUE` takes them, and the errors that say how a setting is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from mxgan.errors import ArgumentError
from mxgan.runtime.config import short_path

__all__ = ["Flag", "check_widths", "key_and_value", "refuse_flags"]


class Flag(NamedTuple):
    """A flag of `mxgan train`: as it is written, whether it takes no value, and the paths of what it sets."""

    option: str
    is_switch: bool
    changes: Sequence[str]


def key_and_value(setting: str) -> tuple:
    """(key, value) of a KEY=VALUE of --set."""
    key, equals, value = setting.partition("=")
    if not equals or not key:
        raise ArgumentError(f"--set {setting!r} is not of the form KEY=VALUE.")
    if "run_defaults" in key.split("."):
        raise ArgumentError(
            f"--set {setting!r}: run_defaults are only defaults of the flags; give the flag itself "
            "(--epochs, --limit, --log-every, --sample-every, --show-every)."
        )
    return key, value


def refuse_flags(settings: Mapping[str, str], known: Collection[str], flags: Mapping[str, Flag]) -> None:
    """Raise ArgumentError for a key of --set that means a flag: it is no setting, or the flag sets several at once.

    Parameters
    ----------
    settings : {key: value} of --set. known : the paths of all settings. flags : {name: `Flag`}.
    """
    for key, value in settings.items():
        flag = flags.get(key.lstrip("-").replace("-", "_"))
        found = [path for path in known if path == key or path.endswith(f".{key}")]
        changes = [path for path in flag.changes if path in known] if flag else []
        if flag is None or len(found) == 1 or (flag.changes and not changes):  # not of this recipe
            continue
        written = flag.option if flag.is_switch else f"{flag.option} {value}"
        words = " and ".join(map(short_path, changes))
        remedy = f"give {written}." + (f" It sets {words}." if words else "")
        raise ArgumentError(f"--set {key}={value}: {key} is a flag; {remedy}")


def check_widths(network, given: Mapping) -> None:
    """Raise ArgumentError for a width, given by a flag, that the network does not have."""
    for name in ("ngf", "ndf", "nc"):
        if name in given and not hasattr(network, name):
            widths = " and ".join(
                f"--set {field}={_spelt(getattr(network, field))}" for field in network.width_settings
            )
            raise ArgumentError(
                f"--{name} is {given[name]}, but the network {network.name!r} has no {name}; its widths are {widths}."
            )


def _spelt(value) -> str:
    """A setting in the form of --set."""
    return f"[{','.join(map(str, value))}]" if isinstance(value, tuple) else str(value)
