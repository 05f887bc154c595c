"""YAML that means what it looks like, and text that reads back the same."""

import time

import pytest
import yaml

from mxgan.errors import ArgumentError
from mxgan.runtime.yaml_text import read_yaml, write_yaml


def test_plain_values_are_read_as_yaml_has_them():
    text = "a: 1\nb: [0.5, text, null, true]\nc: {d: '010', e: \"on\"}\nf: 15min\ng: 1_000\nh: ~\n"
    assert read_yaml(text) == yaml.safe_load(text)


def test_aliases_and_merged_mappings_are_followed():
    text = "base: &b {ngf: 8, ndf: 8}\nx:\n  <<: *b\n  ngf: 16\n"
    assert read_yaml(text) == {"base": {"ngf": 8, "ndf": 8}, "x": {"ngf": 16, "ndf": 8}}


@pytest.mark.parametrize(
    "line, words",
    [
        ("lr: 1e-3", 'line 2: lr is 1e-3, which YAML reads as text; write 0.001, or "1e-3" for the text.'),
        ("lr: 1e-5", "write 1.0e-05"),
        ("lr: 1.5e3", "write 1500.0"),
        ("diagnose: on", 'diagnose is on, which YAML reads as true; write true or false, or "on" for the text.'),
        ("dataset: NO", "reads as false"),
        ("ngf: 010", 'reads as an octal number; write 10, or "010" for the text.'),
        ("seed: 1:30", "a number to the base 60"),
        ("run_name: 2026-11-29", "a date"),
        ("on: 3", "a key is 'on' (YAML reads it as bool), which is no name of a setting; write \"on\" in quotes."),
        ("7: 3", "YAML reads it as int"),
        ("[a, b]: 3", "a key is a list or a mapping"),
        ("x: {a: 1, a: 2}", "the key 'a' stands in line 2 already; leave one out."),
        ("ok: 2", "the key 'ok' stands in line 1 already"),
        ("x: !!binary aGk=", "of the type binary; give text, numbers"),
        ("x: !!python/object/apply:os.system [ls]", "of the type python/object/apply:os.system"),
        ("x: {a: 1", "it is not YAML"),
        ("\tx: 1", "it is not YAML"),
        ("---\nb: 1", "expected a single document"),
        ("x: \x07", "it is not YAML"),
        ("x: *nobody", "undefined alias"),
    ],
)
def test_what_does_not_mean_what_it_looks_like_is_an_error_in_words(line, words):
    with pytest.raises(ArgumentError) as caught:
        read_yaml(f"ok: 1\n{line}\n")
    assert words in str(caught.value)


def test_a_few_lines_that_stand_for_millions_of_values_are_refused_at_once():
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    began = time.monotonic()
    with pytest.raises(ArgumentError, match="more than 20,000 values"):
        read_yaml("\n".join(lines))
    with pytest.raises(ArgumentError, match="more than 20,000 values"):
        read_yaml("a: &a [*a]")
    assert time.monotonic() - began < 5


def test_every_text_and_number_that_is_written_is_read_back():
    values = {
        "texts": ["on", "NO", "1e-3", "1.5E+7", "010", "1:30", "2026-11-29", "null", "~", "", " a ", "a: b", "#", "ä",
                  "=", "line\nline", "'", '"', "\udcff", "\u2028", "!x", "&x", "*x", "<<", "0x1f", ".5e3", "y" * 300],
        "numbers": [1e-5, 1.0000001e-05, 1e22, 0.1, 5e-324, 7, -3, True, False, None],
        "1e-3": {"x": []},
    }  # fmt: skip
    assert read_yaml(write_yaml(values)) == values
