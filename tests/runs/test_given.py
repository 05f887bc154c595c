"""The end of a run of which only the recipe is given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mxgan.recipes import RECIPES
from mxgan.runs.given import default_config


@pytest.mark.parametrize(
    "of_recipe, of_program, wanted",
    [
        ({}, {}, (None, 100)),
        ({"steps": 7}, {}, (7, None)),
        ({"epochs": 3}, {}, (None, 3)),
        ({"steps": 7}, {"epochs": 2}, (None, 2)),
        ({"epochs": 3}, {"steps": 9}, (9, None)),
    ],
)
def test_a_program_has_the_last_word_on_the_end_of_a_run_then_the_recipe(of_recipe, of_program, wanted):
    recipe = replace(RECIPES["dcgan"], run_defaults={**of_recipe, "log_every": 3})
    config = default_config(recipe, {**of_program, "dataset": "mnist"})
    assert (config.steps, config.epochs) == wanted
    assert (config.log_every, config.dataset) == (3, "mnist")
