"""A configuration as a short YAML text that `mxgan.read_config` reads back to the same configuration.

The text has what differs from the published recipe, because that is what a reader looks for and changes; every setting
is in the JSON of `mxgan train --dry-run` and in config.json. A recipe that is not published stands there as a whole.
"""

from __future__ import annotations

from typing import Any

from mxgan import __version__
from mxgan.recipes import RECIPES
from mxgan.runs.config import RunConfig
from mxgan.runs.given import default_config
from mxgan.runs.published import published_name
from mxgan.runtime.config import setting_groups, setting_paths, to_dict
from mxgan.runtime.yaml_text import write_yaml
from mxgan.training.recipe import Recipe

__all__ = ["MARK", "config_text"]

MARK = "# Settings of mxgan "  # begins a line of every such text


def config_text(config: RunConfig) -> str:
    """The text, which begins with a comment that says how it is used."""
    recipe, own = config.recipe, to_dict(config)
    name = published_name(own["recipe"])
    changes = None if name is None else _changes(RECIPES[name], recipe)
    if changes is None:
        title, values, base = "A recipe of its own.", {"recipe": own["recipe"]}, recipe
    else:
        title, values, base = f"{recipe.summary}.", {"recipe": name}, RECIPES[name]
    usual = to_dict(default_config(base, {}))
    told = ("dataset", "steps" if config.epochs is None else "epochs")
    values.update((key, own[key]) for key in own if key != "recipe" and key in told)
    values.update((key, own[key]) for key in own if key not in ("recipe", "steps", "epochs") and own[key] != usual[key])
    lines = (
        f"# {title}",
        f"{MARK}{__version__}: mxgan train --config FILE. What is not here is as in the recipe.",
    )
    return "\n".join(lines) + "\n" + write_yaml({**values, **(changes or {})})


def _changes(published: Recipe, recipe: Recipe):
    """Nested settings of the recipe that differ from the published one; None if they cannot be told one by one."""
    if type(recipe.network) is not type(published.network) or recipe.run_defaults != published.run_defaults:
        return None
    then, now = setting_paths(published), setting_paths(recipe)
    mappings = {path for path, group in setting_groups(recipe).items() if not hasattr(group, "__dataclass_fields__")}
    found: dict = {}
    for path, value in {**now, **{path: _at(recipe, path) for path in mappings}}.items():
        inside = any(path.startswith(f"{mapping}.") for mapping in mappings)  # told as a whole
        if inside or value == (_at(published, path) if path in mappings else then[path]):
            continue
        *groups, leaf = path.split(".")
        place = found
        for group in groups:
            place = place.setdefault(group, {})
        place[leaf] = to_dict(value)
    return found


def _at(config: Any, path: str) -> Any:
    for name in path.split("."):
        config = getattr(config, name)
    return config
