"""The model of many machines, its tables and page, and the steps of two ranks. No time is compared here."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from benchmarks.rank_step import Steps
from benchmarks.scaling import BEGIN, END, PARTS, main, measured_lines, works
from benchmarks.scaling_model import MACHINES, ROUNDS, Work, efficiency, table_of
from tests.ranks import run_ranks, said_by

WORK = Work({64: 0.4, 32: 0.2, 16: 0.1}, 25_000_000, 0.01)


def measured() -> dict:
    """A file of measurements with round numbers."""
    near = {"ranks": 2, "bytes": 25_000_000, "compute": 0.4, "step": 0.41, "exchange": 0.01, "nothing": 1e-4}
    alone = [{"part": part, "compute": 0.4 * part / 64} for part in PARTS]
    together = [
        {"width": 64, "compression": compression, "gbit": gbit, **near}
        for compression in (None, "bf16")
        for gbit in (None, 1.0)
    ]
    return {"machine": {"cpu": "CPU", "cpus": 2}, "size": 64, "alone": {"64": alone}, "together": together}


def test_the_model_by_hand():
    assert WORK.bytes_sent(2) == 25_000_000
    assert WORK.bytes_sent(4) == 37_500_000
    assert WORK._replace(share=0.5).bytes_sent(4) == 18_750_000
    assert WORK.exchange(1, 1, 1e-3) == 0
    assert WORK.exchange(2, 1, 1e-3) == pytest.approx(0.2 + 0.01 + ROUNDS * 1e-3)
    assert WORK.step(4, 16, 10, 0) == pytest.approx(0.1 + 0.03 + 0.01)
    assert efficiency(WORK, 2, 1, 0, strong=False) == pytest.approx(0.4 / 0.61)
    assert efficiency(WORK, 2, 1, 0, strong=True) == pytest.approx(0.2 / 0.41)


def test_the_table_has_every_number_of_machines():
    work = works(measured(), 64)
    lines = table_of(work[None], work["bf16"], 0.0)
    assert [line.split("|")[1].strip() for line in lines if line[:3].strip("| ").isdigit()] == [*map(str, MACHINES)] * 2
    assert lines[2] == "| 2 | 66 | 78 | 93 | 96 | 97 |"


def test_the_prediction_for_a_link_takes_nothing_from_the_link():
    rows = measured_lines(measured())
    assert rows[3] == "| 64 | 1 Gbit/s | float32 | 25.0 MB | 400 ms | 10 ms | 410 ms | 610 ms |"
    assert rows[5].endswith("| bf16 | 12.5 MB | 400 ms | 10 ms | 410 ms | 510 ms |")


def test_a_page_is_filled_again_and_again(tmp_path):
    page, plot = tmp_path / "page.md", tmp_path / "plot.png"
    page.write_text(f"before\n{BEGIN}{END}after\n")
    (tmp_path / "scaling.json").write_text(json.dumps(measured()))
    arguments = ["--again", "--output", f"{tmp_path}/scaling.json", "--page", str(page), "--plot", str(plot)]
    for _ in range(2):
        done = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert done.exit_code == 0
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\nMeasured on 2 cores (CPU); [every number](scaling.json).\n")
    assert text.endswith(f"(plot.png)\n\n{END}after\n")
    assert text.count("| machines, 64 images in all |") == 1
    assert plot.read_bytes()[:4] == b"\x89PNG"
    page.write_text("nothing")
    assert "has no place for the tables" in CliRunner().invoke(main, arguments).output


def test_a_rank_alone_exchanges_nothing():
    steps = Steps(width=2, part=2, size=16)
    assert (steps.bytes, steps.ranks.size) == (0, 1)
    assert steps.seconds(steps.compute, rounds=1) > 0


@pytest.mark.long
@pytest.mark.parametrize("compression", [None, "bf16"])
def test_two_ranks_exchange_all_parameters_of_both_networks(compression):
    asked = {"width": 4, "parts": [4, 2], "rounds": 1, "size": 16, "compression": compression}
    told = said_by(run_ranks(2, "from benchmarks.rank_step import main; main()", json.dumps(asked)))
    parameters = 100 * 8 * 16 + 8 * 4 * 16 + 4 * 3 * 16  # of G: 100 → 8 → 4 → 3 channels, kernels of 4 × 4
    parameters += 3 * 4 * 16 + 4 * 8 * 16 + 8 * 16  # of D
    for line in map(json.loads, told):
        assert line["ranks"] == 2
        assert 4 * parameters <= line["bytes"] <= 4 * parameters + 1000  # and BatchNorm's
        assert all(line[name] > 0 for name in ("compute", "step", "exchange", "nothing"))
