"""`write_report`, the report at the end of a training, and the nearest training images of samples."""

from __future__ import annotations

import json
import os
import shutil
import sys

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, DivergedError, RunFolderError
from mxgan.evaluation.resizing import reduced
from mxgan.runs.final_report import final_report, sweep_report
from mxgan.runs.nearest import _search, nearest_images
from mxgan.runtime import mx
from mxgan.training.run_folder import RunFolder
from tests.cli.test_commands import mxgan as invoke
from tests.pictures.report.made_run import make_run, record_of
from tests.support import Spoil, StopAt, assert_same, params_of, tiny_config


def command(*arguments) -> tuple:
    """(exit code, what `mxgan` has printed)."""
    result = invoke(*arguments)
    return result.exit_code, result.output


@pytest.fixture
def reporting(monkeypatch):
    monkeypatch.delenv("MXGAN_REPORT")


def session(folder, callbacks=(), **settings):
    return mxgan.start(tiny_config(**settings), folder, "none", progress=False, callbacks=callbacks)


def view_of(path) -> dict:
    """The JSON in a page."""
    text = path.read_text()
    return json.loads(text.partition('id="view">')[2].partition("</script>")[0])


def test_a_training_ends_with_its_report_and_a_resume_writes_it_again(tmp_path, reporting):
    flags = "train --dataset digits --image-size 16 --ngf 4 --ndf 4 --batch-size 32 --steps 2 --display none"
    code, said = command(*flags.split(), "--run-dir", str(tmp_path / "run"))
    page = tmp_path / "run/report.html"
    lines = [line.partition(": ")[0] for line in said.splitlines()]
    assert code == 0
    assert lines[lines.index("picture") + 1 :][:2] == ["pictures and samples show", "report"]
    assert f"report: {page}" in said
    view = view_of(page)
    assert (view["overview"]["state"], view["nearest"]["step"]) == ("finished", 2)
    again = mxgan.resume(tmp_path / "run", steps=8, display="none", progress=False, callbacks=[StopAt(4)])
    assert again.run() == page
    view = view_of(page)
    assert (view["overview"]["state"], view["overview"]["step"]) == ("stopped", 4)
    assert not view["nearest"], "somebody waits for the end of a training that was stopped"
    assert [mark["kind"] for mark in view["marks"]] == ["resume"]


@pytest.fixture(scope="module")
def trained(trained_copy, tmp_path_factory):
    return trained_copy(8, tmp_path_factory.mktemp("reports") / "run")


def test_a_report_changes_no_file_of_a_run_and_no_random_state(trained, reporting):
    def files():
        return {path: path.read_bytes() for path in trained.path.rglob("*") if path.is_file()}

    trained.report_path.unlink(missing_ok=True)
    before = files()
    np.random.seed(7)
    mx.random.seed(7)
    wanted = np.random.random(3), mx.nd.random.uniform(shape=(3,)).asnumpy()
    np.random.seed(7)
    mx.random.seed(7)
    assert final_report(trained, quick=True) == trained.report_path
    np.testing.assert_array_equal(wanted[0], np.random.random(3))
    np.testing.assert_array_equal(wanted[1], mx.nd.random.uniform(shape=(3,)).asnumpy())
    trained.report_path.unlink()
    assert files() == before


@pytest.mark.long
def test_a_report_changes_no_bit_of_a_run_and_no_random_state(tmp_path, reporting, monkeypatch):
    np.random.seed(7)
    mx.random.seed(7)
    one = session(tmp_path / "one", steps=8)
    one.run()
    after = np.random.random(3), mx.nd.random.uniform(shape=(3,)).asnumpy()
    monkeypatch.setenv("MXGAN_REPORT", "0")
    np.random.seed(7)
    mx.random.seed(7)
    other = session(tmp_path / "other", steps=8)
    assert other.run() is None
    assert not (tmp_path / "other/report.html").exists()
    np.testing.assert_array_equal(after[0], np.random.random(3))
    np.testing.assert_array_equal(after[1], mx.nd.random.uniform(shape=(3,)).asnumpy())
    assert_same(params_of(one.trainer.pair), params_of(other.trainer.pair))


def test_a_failed_training_has_a_report_and_still_fails(tmp_path, reporting):
    failing = session(tmp_path / "run", [Spoil("generator", "g1_weight", 2)], steps=8)
    with pytest.raises(DivergedError):
        failing.run()
    view = view_of(tmp_path / "run/report.html")
    assert view["overview"]["state"] == "failed"
    assert "DivergedError" in view["overview"]["reason"]


def test_a_report_that_cannot_be_written_is_a_warning(trained, tmp_path, reporting, caplog, monkeypatch):
    place = tmp_path / "a b"
    place.mkdir()
    folder = RunFolder(shutil.copytree(trained.path, place / "run"))
    folder.report_path.unlink(missing_ok=True)
    folder.report_path.mkdir()
    assert final_report(folder, quick=True) is None
    assert "The report is not written (OutputError: " in caplog.text
    assert f"`mxgan report '{folder.path}'` tries again" in caplog.text
    assert sweep_report([folder.path], folder.report_path) is None
    assert f"--output '{folder.report_path}' --overwrite` tries again" in caplog.text
    caplog.clear()
    monkeypatch.setitem(sys.modules, "mxgan.runs.report", None)  # Jinja2 is not installed, or anything else
    assert final_report(folder, quick=True) is None
    assert sweep_report([folder.path], tmp_path / "page.html") is None
    assert caplog.text.count("The report is not written (ModuleNotFoundError: ") == 2
    monkeypatch.setenv("MXGAN_REPORT", "0")
    caplog.clear()
    assert (final_report(folder, quick=True), caplog.text) == (None, "")


@pytest.fixture
def made(tmp_path):
    return make_run(tmp_path / "runs/made", record_of(tiny_config(steps=400)))


def test_mxgan_report_replaces_the_page_of_a_run_and_no_other_file(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = made / "report.html"
    own.write_text("old")
    assert command("report", str(made), "--no-nearest") == (0, f"written: {own}\n")
    assert own.read_text().startswith("<!doctype html>")
    assert "What is wrong with this run’s files" in own.read_text()
    assert command("report", str(made), "-o", str(own), "--no-nearest")[0] == 0
    assert command("report", str(made), str(made), "--no-nearest")[1] == f"written: {own}\n", "one run, twice named"
    other = make_run(tmp_path / "runs/other", record_of(tiny_config(steps=400)))
    assert command("report", str(made), str(other)) == (0, "written: report.html\n")
    assert "Notes on these runs" in (tmp_path / "report.html").read_text()
    code, said = command("report", str(made), str(other))
    assert (code, "report.html exists; give another name, or replace it" in said) == (2, True)
    assert command("report", str(made), str(other), "--overwrite")[0] == 0
    (tmp_path / "notes.html").write_text("mine")
    assert command("report", str(made), "-o", "notes.html")[0] == 2
    assert (tmp_path / "notes.html").read_text() == "mine"


@pytest.mark.parametrize("own", ["../runs/made/report.html", "made/../made/report.html", "link/report.html"])
def test_the_page_of_a_run_is_its_own_under_every_name(made, tmp_path, monkeypatch, own):
    monkeypatch.chdir(tmp_path / "runs")
    (tmp_path / "runs/link").symlink_to("made")
    (made / "report.html").write_text("old")
    assert command("report", "made", "-o", own, "--no-nearest") == (0, f"written: {own}\n")
    assert (made / "report.html").read_text() != "old"


def test_a_report_that_is_refused_leaves_nothing_behind(made, tmp_path):
    code, said = command("report", str(tmp_path / "missing"), "-o", str(tmp_path / "new/deep/x.html"))
    assert (code, "does not exist" in said) == (1, True)
    assert not (tmp_path / "new").exists()
    other = make_run(tmp_path / "runs/other", record_of(tiny_config(steps=400)))
    (other / "report.html").write_text("of the other run")
    assert command("report", str(made), "-o", str(other / "report.html"), "--overwrite", "--no-nearest")[0] == 2
    assert (other / "report.html").read_text() == "of the other run"


@pytest.mark.parametrize(
    "given, error, text",
    [
        ([], ArgumentError, "there is no run to report on"),
        (["nothing"], RunFolderError, "does not exist"),
        (["empty"], RunFolderError, "empty"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path, given, error, text):
    (tmp_path / "empty").mkdir()
    with pytest.raises(error, match=text):
        mxgan.write_report([tmp_path / name for name in given])


@pytest.mark.parametrize(
    "record", [{}, {"run": {}, "data": {"x": 1}}, {"run": {"recipe": []}, "data": [], "versions": 3}]
)
def test_a_config_that_lacks_everything_has_a_page(tmp_path, record):
    run = make_run(tmp_path / "run", record, pictures=())
    assert view_of(mxgan.write_report(run))["problems"]


@pytest.mark.parametrize("broken", ["config.json", "history.jsonl", "events.jsonl", "samples", "evaluation"])
def test_a_run_with_a_broken_file_has_a_page_that_says_so(made, broken):
    path = made / broken
    if path.is_dir():
        (path / "gout-000400.png").write_bytes(b"no picture")
    elif broken == "evaluation":
        path.mkdir()
        (path / "000400.json").write_text("{")
    else:
        path.write_text("{" if broken == "config.json" else "[1, 2]\n{\n")
    text = mxgan.write_report(made, nearest=False).read_text()
    view = view_of(made / "report.html")
    said = " ".join([*view["problems"], *view["notes"]])
    assert {"samples": "gout-000400.png"}.get(broken, broken) in said
    assert said.split()[0] in text


@pytest.mark.long
def test_sixty_real_sized_grids_of_each_kind_fit_into_3_mb(tmp_path):
    """526×526 pixels as 64 images of 64×64 have; noise is the worst that a gradient can be."""
    from PIL import Image

    run = make_run(tmp_path / "run", record_of(tiny_config(steps=6000)), range(2, 6002, 2), pictures=())
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (526, 526, 3), np.uint8) for _ in range(2)]
    smooth = [np.asarray(Image.fromarray(each[:64, :64]).resize((526, 526))) for each in noise]
    for kind, some in (("gout", smooth), ("diff", noise), ("data", smooth)):
        for index, picture in enumerate(some):
            Image.fromarray(picture).save(run / "samples" / f"{kind}-{100 + index:06d}.png", compress_level=1)
        for step in range(2, 60):
            os.link(
                run / "samples" / f"{kind}-{100 + step % 2:06d}.png", run / "samples" / f"{kind}-{100 + step:06d}.png"
            )
    page = mxgan.write_report(run, nearest=False)
    assert page.stat().st_size < 3_000_000
    view = view_of(page)
    assert len(view["pictures"][0]["frames"]) == 60
    assert len(view["charts"][0]["x"]) == 3000


@pytest.mark.long
@pytest.mark.parametrize("runs, names", [(1, 48), (8, 10)])
def test_curves_are_thinned_so_that_a_page_stays_below_3_mb(tmp_path, runs, names):
    rng, folders = np.random.default_rng(0), []
    for number in range(runs):
        folders.append(make_run(tmp_path / f"run {number}", record_of(tiny_config(steps=4000))))
        rows = ({"step": step, **{f"value {n}": rng.random() for n in range(names)}} for step in range(1, 4001))
        (folders[-1] / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    page = mxgan.write_report(folders, tmp_path / "page.html", nearest=False)
    assert 2_000_000 < page.stat().st_size < 3_000_000
    view = view_of(page)
    assert len(view["charts"]) == names
    assert "stand in this page" in view["charts"][0]["thinned"]


# The nearest training images


def test_nearest_images_are_those_of_a_plain_search(trained_copy, tmp_path):
    run = trained_copy(8, tmp_path / "run").path
    found = nearest_images(run)
    sampler = mxgan.load_sampler(run, 12)
    samples = sampler.sample(sampler.latents(12, 0, "nearest"))
    data = mxgan.open_dataset("digits", image_size=16, batch_size=100, shuffle=False)
    real = np.concatenate([batch.data[0].asnumpy()[: 100 - batch.pad] for batch in data])
    small, own = reduced(real, 16).reshape(len(real), -1), reduced(samples, 16).reshape(12, -1)
    distances = np.linalg.norm(own[:, None].astype(float) - small[None], axis=2).min(axis=1)
    assert [pair["distance"] for pair in found["pairs"]] == pytest.approx(sorted(distances), rel=1e-5)
    assert (found["problem"], found["step"], found["weights"], found["side"]) == ("", 8, "average", 16)
    assert (found["searched"], found["images"]) == (len(real), len(real))
    order = np.random.default_rng(0).permutation(len(real))[:100]
    others = np.linalg.norm(small[order][:, None].astype(float) - small[None], axis=2)
    others[np.arange(100), order] = np.inf
    assert found["usual"] == pytest.approx(np.median(others.min(axis=1)), rel=0.2)
    assert all(pair["sample"].startswith("data:image/") for pair in found["pairs"])
    assert nearest_images(run) == found


def test_missing_or_other_data_are_told_in_words(trained_copy, tmp_path):
    run = trained_copy(8, tmp_path / "run")
    record = run.read_config()
    record["data"]["sha256"] = "0" * 64
    run.config_path.write_text(json.dumps(record))
    assert "not the one that" in nearest_images(run.path)["problem"]
    record["run"].update(dataset="folder", data_dir=str(tmp_path / "gone"))
    run.config_path.write_text(json.dumps(record))
    page = mxgan.write_report(run.path)
    assert "Not compared: " in page.read_text()
    assert "gone" in view_of(page)["nearest"]["problem"]


def test_a_run_without_a_checkpoint_is_told_in_words(made):
    assert "no checkpoint" in nearest_images(made)["problem"]


def test_classes_stand_in_the_captions(tmp_path):
    from tests.test_recipes import small

    config = small("cgan", steps=1)
    mxgan.start(config, tmp_path / "run", "none", progress=False).run()
    found = nearest_images(tmp_path / "run")
    assert sorted(pair["class"] for pair in found["pairs"]) == sorted(str(index % 10) for index in range(12))


def test_the_nearest_image_may_be_a_mirror_image_if_the_run_was_trained_on_them():
    images = np.random.default_rng(0).uniform(-1, 1, (60, 1, 16, 16)).astype(np.float32)
    samples = images[10:13, ..., ::-1].copy()
    for mirrored in (False, True):
        found = _search(samples, iter((images[:30], images[30:])), 16, mirrored)
        assert (found.count, found.compared) == (60, 15)
        assert (found.distances == 0).all() == mirrored
    np.testing.assert_array_equal(found.images, samples)
    plain, symmetric = (_search(samples, iter((images,)), 16, mirrored).usual for mirrored in (False, True))
    assert symmetric <= plain
