import json
from dataclasses import dataclass, field
from typing import Any, Optional, Union

import pytest

import mxgan
from mxgan.errors import ArgumentError
from mxgan.runtime.config import from_dict, override, setting_paths, to_dict
from tests.support import tiny_config


@dataclass(frozen=True)
class Inner:
    width: int = 4
    rate: float = 0.5


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    other: Inner = field(default_factory=Inner)
    depth: Optional[int] = None
    flag: bool = False
    word: str = "a"
    widths: tuple[int, ...] = (4, 8)
    steps: Optional[tuple[float, ...]] = None
    settings: Any = field(default_factory=lambda: {"beta": 0.5})


def test_json_round_trip():
    config = Outer(Inner(7), depth=3, widths=(1, 2, 3), steps=(0.5, 2.0), settings={"beta": 0.25})
    assert from_dict(Outer, json.loads(json.dumps(to_dict(config)))) == config


@pytest.mark.parametrize("name", sorted(mxgan.RECIPES))
def test_every_recipe_goes_through_json(name):
    recipe = mxgan.RECIPES[name]
    assert from_dict(mxgan.Recipe, json.loads(json.dumps(to_dict(recipe)))) == recipe


def test_a_run_goes_through_json():
    config = tiny_config(steps=5)
    assert from_dict(mxgan.RunConfig, json.loads(json.dumps(to_dict(config)))) == config


@pytest.mark.parametrize(
    "key, value, path, expected",
    [
        ("inner.width", "32", "inner.width", 32),
        ("depth", "5", "depth", 5),
        ("depth", "null", "depth", None),
        ("flag", "true", "flag", True),
        ("word", "12", "word", "12"),
        ("widths", "[64, 128]", "widths", (64, 128)),
        ("widths", (7,), "widths", (7,)),
        ("widths", "[]", "widths", ()),
        ("steps", "[1, 0.5]", "steps", (1, 0.5)),
        ("steps", "null", "steps", None),
        ("inner.rate", "1", "inner.rate", 1),
        ("beta", "0.75", "settings.beta", 0.75),
        ("settings.momentum", "0.9", "settings.momentum", 0.9),
    ],
)
def test_override_changes_one_setting(key, value, path, expected):
    before = Outer()
    after = override(before, {key: value})
    assert {**setting_paths(before), path: expected} == setting_paths(after)
    assert before == Outer()


def test_a_mapping_is_set_as_a_whole():
    assert override(Outer(), {"settings": '{"momentum": 0.9}'}).settings == {"momentum": 0.9}
    with pytest.raises(ArgumentError, match="settings is 3"):
        override(tiny_config(steps=1), {"generator_optimizer.settings": "3"})


@pytest.mark.parametrize(
    "key, value, words",
    [
        ("widht", "3", "unknown setting 'widht'"),
        ("depht", "3", "did you mean 'depth'?"),
        ("width", "3", "'width' is ambiguous; give one of inner.width, other.width"),
        ("inner.width", "wide", "inner.width is 'wide'; give a whole number"),
        ("inner.width", "2.5", "inner.width is 2.5; give a whole number"),
        ("inner.width", "true", "inner.width is True; give a whole number"),
        ("inner.rate", "fast", "give a number"),
        ("flag", "maybe", "give true or false"),
        ("depth", "deep", "give a whole number or null"),
        ("widths", "64", "widths is 64; give a list of whole numbers."),
        ("widths", "[64, 2.5]", "widths is [64, 2.5]; give a list of whole numbers."),
        ("widths", "[64, true]", "widths is [64, True]; give a list of whole numbers."),
        ("widths", "[64", "widths is '[64'; give a list of whole numbers."),
        ("widths", "null", "widths is None; give a list of whole numbers."),
        ("steps", '["a"]', "steps is ['a']; give a list of numbers or null."),
        ("beta", "high", "settings.beta is 'high'; give a number"),
    ],
)
def test_bad_overrides_are_named(key, value, words):
    with pytest.raises(ArgumentError) as caught:
        override(Outer(), {key: value})
    assert words in str(caught.value)


def test_the_class_of_a_users_own_network_stays():
    @dataclass(frozen=True)
    class Own(mxgan.DCGAN):
        extra: int = 1

    recipe = mxgan.Recipe("", "", network=Own(ngf=8))
    assert override(recipe, {"batch_size": 8}).network is recipe.network
    assert override(recipe, {"ngf": 4, "extra": 2}).network == Own(ngf=4, extra=2)


def test_the_callers_values_are_not_changed_and_paths_stand_in_errors():
    settings = {"beta1": 0.5}
    changes = {"generator_optimizer.settings": settings, "generator_optimizer.settings.beta1": "0.9"}
    changed = override(tiny_config(steps=1), changes)
    assert changed.recipe.generator_optimizer.settings == {"beta1": 0.9}
    assert settings == {"beta1": 0.5}
    with pytest.raises(ArgumentError, match=r"^recipe\.network\.ngf is 'abc'; give a whole number"):
        override(tiny_config(steps=1), {"ngf": "abc"})


@dataclass(frozen=True)
class Sized:
    size: Union[int, tuple[int, int]] = 64
    widths: tuple[int, ...] = (1,)
    name: str = "a"


def test_two_numbers_are_spelt_as_a_pair_where_a_setting_takes_two():
    for text in ("48x96", "[48, 96]", (48, 96), [48, 96]):
        assert override(Sized(), {"size": text}).size == (48, 96)
    assert override(Sized(), {"size": "28", "name": "48x96"}) == Sized(28, name="48x96")
    assert from_dict(Sized, to_dict(Sized((48, 96)))) == Sized((48, 96))
    for text in ("48x96x3", "[1, 2, 3]", "[1]", "x96", "48x-9", "4.5", "4.5x3", "1e3x2"):
        with pytest.raises(ArgumentError, match="^size is .*; give a whole number or two, as 48x96.$"):
            override(Sized(), {"size": text})
    with pytest.raises(ArgumentError, match="widths is '48x96'; give a list of whole numbers"):
        override(Sized(), {"widths": "48x96"})


def test_what_is_fixed_and_what_is_misspelt_is_told():
    with pytest.raises(ArgumentError, match="image_size is always 32 in recipe.network and cannot be set; leave it"):
        override(mxgan.RunConfig(mxgan.RECIPES["cbr-gan"], steps=1), {"image_size": "64"})
    for key, meant in (("imagesize", "image_size"), ("generator_optimiser.schedule", "generator_optimizer.schedule")):
        with pytest.raises(ArgumentError, match=f"unknown setting '{key}'; did you mean '{meant}'"):
            override(tiny_config(steps=1), {key: "64"})


@pytest.mark.parametrize(
    "values, words",
    [
        ({"dpeth": 3}, "unknown setting in configuration 'dpeth'; did you mean 'depth'?"),
        ({"inner": {"widht": 3}}, "unknown setting in inner 'widht'; did you mean 'width'?"),
        ({"inner": 5}, "inner is 5; an object with named values is wanted"),
        ({"flag": 1}, "flag is 1; give true or false"),
        ({"widths": [64, "128"]}, "widths is [64, '128']; give a list of whole numbers"),
        ([], "configuration is []"),
    ],
)
def test_json_that_does_not_fit_is_named(values, words):
    with pytest.raises(ArgumentError) as caught:
        from_dict(Outer, values)
    assert words in str(caught.value)


def test_a_network_is_found_by_name_and_its_errors_are_kept():
    values = to_dict(mxgan.RECIPES["dcgan"])
    with pytest.raises(ArgumentError, match="unknown network 'dcgam'; did you mean 'dcgan'"):
        from_dict(mxgan.Recipe, {**values, "network": {**values["network"], "name": "dcgam"}})
    with pytest.raises(ArgumentError, match="nc is 2; give 1"):
        from_dict(mxgan.Recipe, {**values, "network": {**values["network"], "nc": 2}})
    with pytest.raises(ArgumentError, match="unknown objective"):
        from_dict(mxgan.Recipe, {**values, "objective": "none"})
