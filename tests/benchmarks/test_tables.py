"""Tables of README and docs/speed.md from the JSON of two machines."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from benchmarks.alternate import Timing
from benchmarks.report import as_json, as_markdown, from_json
from benchmarks.suites.base import Outcome, Section
from benchmarks.tables import main

SECTIONS = [
    Section(
        "Steps",
        [Timing("mxgan", (1.0, 2.0, 1.0), 64), Timing("PyTorch", (2.0, 2.0, 2.0), 64)],
        [
            Outcome("a step over the peer", 1.5, "×", 1.25, spread="1.40 to 1.60", peer="PyTorch", short=True),
            Outcome("a step over the example", 2.0, "×", peer="PyTorch eager"),
        ],
    ),
    Section("Cost", outcomes=[Outcome("overhead", 2.5, "%", 2, at_most=True, short=True)], notes=["a note"]),
]
NEW = {"cpu": "CPU 1", "cpu_features": "avx2 avx512f", "cpus": 2, "mxgan": "0.1", "torch": "2.13.0", "rounds": 5}
OLD = {
    "cpu": "CPU 2",
    "cpu_features": "avx2",
    "cpus": 4,
    "torch": None,
    "busy_cpus_before": 0.01,
    "busy_cpus_after": 0.1,
}
SHORT = """\
| measured | peer | value | goal | reached? |
| --- | --- | ---: | ---: | --- |
| **CPU 1 (avx2 avx512f); 2 CPUs, mxgan 0.1, PyTorch 2.13.0, 5 rounds** | | | | |
| a step over the peer | PyTorch | 1.50 × | ≥ 1.25 × | reached |
| overhead |  | 2.50 % | ≤ 2 % | **not reached** |
| **CPU 2 (avx2); 4 CPUs, other programs kept 0.10 CPUs busy** | | | | |
| overhead |  | 2.50 % | ≤ 2 % | **not reached** |
"""


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / "new.json", tmp_path / "old.json"]
    paths[0].write_text(as_json(SECTIONS, NEW))
    paths[1].write_text(as_json(SECTIONS[1:], OLD))
    return [str(path) for path in paths]


def test_the_short_table_has_a_block_of_rows_for_each_machine(files):
    found = CliRunner().invoke(main, files)
    assert (found.exit_code, found.output) == (0, SHORT)


def test_the_whole_tables_are_those_that_the_benchmark_printed(files):
    found = CliRunner().invoke(main, ["--whole", *files])
    assert found.exit_code == 0
    assert found.output == as_markdown(SECTIONS, NEW) + "\n" + as_markdown(SECTIONS[1:], OLD)
    assert "| a step over the example (PyTorch eager) | 2.00 × |  |  |  |" in found.output
    assert "| mxgan | 64 | 1.000 | ±50 % |" in found.output


def test_sections_come_back_from_their_json():
    sections, machine = from_json(as_json(SECTIONS, NEW))
    assert machine == NEW
    assert [each.outcomes for each in sections] == [each.outcomes for each in SECTIONS]
    assert sections[0].timings[0].median == 1.0


def test_results_of_earlier_versions_are_read():
    text = as_json(SECTIONS[1:], OLD).replace(',\n     "peer": "",\n     "short": true', "")
    assert "short" not in text
    (section,), _ = from_json(text)
    assert (section.outcomes[0].peer, section.outcomes[0].short) == ("", False)


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"machine": {}, "sections": [{"name": 1}]}'])
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "other.json"
    if text is not None:
        path.write_text(text)
    found = CliRunner().invoke(main, [str(path)])
    assert found.exit_code == 1
    assert "other.json is not the JSON of `python -m benchmarks`" in found.output
