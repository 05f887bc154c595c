"""The model card: its YAML, its Markdown, and its lines of Python, run where nothing of mxgan can be imported."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import mxgan
from mxgan.errors import ArgumentError
from mxgan.export import FORMATS, check_format, write_model
from mxgan.export.card import Card, card_of, check_license
from mxgan.export.card_parts import image_shape, inline, score_tables
from tests.export.models import HALVES, model_of

HOSTILE = 'a"b: #\n---\n| `x` *y* <b>&amp;[z](http://h) \x85\u2028\ufeff 😀'
FACTS = {
    "recipe": "dcgan", "settings": {"batch_size": 32}, "summary": "a summary", "source": "a paper 2016",
    "network": {"name": "dcgan", "ngf": 4}, "step": 1500, "epoch": 3, "seed": 7, "batch_size": 32, "weights": "raw",
    "dataset": "mnist", "data_classes": ["zero", "one"], "license": "unknown",
    "data_fingerprint": {"name": "mnist", "count": 60000, "sha256": "ab" * 32},
    "trained_with": {"mxgan": "0.1.0", "mxnet": "1.9.1", "python": "3.11.7"},
    "scores": [{
        "results": {
            "swd": {
                "value": 12.3456789, "unit": "×10³", "better": "min", "real": 1.75, "real_images": 1000,
                "summary": "a distance",
            },
            "kernel": {"value": None, "better": "min", "summary": "another"},
            "ms_ssim": {"value": 0.25, "standard_error": 0.001, "better": None, "reference": 0.2, "summary": "alike"},
        },
        "protocol": {
            "samples": 2000, "seed": 5, "checkpoint": 1500, "weights": "raw",
            "reference": {
                "dataset": "mnist", "split": "train", "images": 2000, "classifier": {"fingerprint": "c" * 64},
            },
        },
    }],
}  # fmt: skip


def card(model, form="npz", **more) -> str:
    files = (("export.json", 10), (f"model.{form}", 20))
    return card_of(model, Card(form, {}, files, **more))


def front_matter(text: str) -> dict:
    begin, content, _ = text.split("---\n", 2)
    assert begin == ""
    return yaml.safe_load(content)


def rows(text: str, title: str) -> list:
    """The rows of the first table under a heading, without its head."""
    part = text.split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def test_the_front_matter_is_what_the_hub_reads():
    found = front_matter(card(replace(model_of("dcgan", "generator"), facts=FACTS), "onnx"))
    assert found == {
        "license": "unknown",
        "library_name": "onnx",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["gan", "image-generation", "mxnet", "dcgan"],
        "datasets": ["ylecun/mnist"],
        "metrics": ["swd", "ms_ssim"],
        "model-index": [
            {
                "name": "dcgan, generator trained on mnist",
                "results": [
                    {
                        "task": {"type": "unconditional-image-generation"},
                        "dataset": {"type": "ylecun/mnist", "name": "mnist"},
                        "metrics": [
                            {"type": "swd", "value": 12.3456789, "name": "swd (2000 samples, seed 5)"},
                            {"type": "ms_ssim", "value": 0.25, "name": "ms_ssim (2000 samples, seed 5)"},
                        ],
                    }
                ],
            }
        ],
    }


def test_the_tables_tell_training_data_and_scores():
    text = card(replace(model_of("dcgan", "generator"), facts=FACTS), "onnx", checked=3.1e-7, pictured=64)
    assert "![64 images drawn by this network, with the seed 0](samples.png)" in text
    told = dict(rows(text, "Training"))
    assert told["Steps"] == "1,500, of 32 images each (epoch 3)"
    assert told["Settings that differ from the recipe's"] == r"batch\_size 32"
    assert told["Software"] == "mxgan 0.1.0, mxnet 1.9.1, python 3.11.7"
    assert "mnist (mnist): 60,000 images. Fingerprint, sha256: `" + "ab" * 32 in text
    assert rows(text, "Scores") == [
        ["swd ×10³", "12.346", "min, 1.75 (data, 1,000)", "a distance"],
        ["kernel", "not finite", "min", "another"],
        [r"ms\_ssim", "0.25 ± 0.001", "0.2 (data)", "alike"],
    ]
    assert "2,000 samples against 2,000 images of mnist, split train; classifier `cccccccccccc`, seed 5" in text
    assert "differed from those of MXNet by at most 3.1e-07." in text
    assert rows(text, "Inputs and outputs") == [
        ["`latent` (input)", "(N, 10, 1, 1)", "float32", "standard normal"],
        ["`image` (output)", "(N, 3, 16, 16)", "float32", "-1 to 1"],
    ]


def test_a_range_that_is_not_known_is_not_claimed():
    text = card(replace(model_of("dcgan", "generator"), facts={"normalisation": "not known"}))
    assert {row[0]: row[3] for row in rows(text, "Inputs and outputs")}["`image` (output)"] == "not known"
    text = card(replace(model_of("dcgan", "discriminator"), facts={"normalisation": "not known"}))
    assert {row[0]: row[3] for row in rows(text, "Inputs and outputs")}["`data` (input)"] == "not known"
    assert "It takes images of 16×16 pixels only, in a range that is not known." in text


@pytest.mark.parametrize("form, names", [
    ("onnx", ("latent", "class", "int64")), ("torch", ("latent", "label", "int64")),
    ("mxnet", ("rand", "class_label", "float32")), ("npz", ("rand", "class_label", "float32")),
])  # fmt: skip
def test_inputs_have_the_names_of_the_format(form, names):
    found = rows(card(model_of("cgan", "generator"), form), "Inputs and outputs")
    assert [row[0] for row in found[:2]] == [f"`{name}` (input)" for name in names[:2]]
    assert found[1][2] == names[2]


def test_an_imported_network_has_no_training_to_tell():
    facts = {"step": 0, "network": {"name": "dcgan"}, "imported": {"generator": {"file": "g.pt"}}}
    text = card(replace(model_of("dcgan", "generator"), facts=facts))
    assert "It was imported into mxgan; its training is not known." in text
    assert "Recipe" not in text
    assert "Nobody has measured these weights. Run `mxgan evaluate` before the export." in text


def test_scores_are_of_the_data_that_they_were_measured_against():
    record = FACTS["scores"][0]
    other = {
        "results": {"small": {"value": 1e-05}, "none": {"value": float("nan")}},
        "protocol": {**record["protocol"], "reference": {"dataset": "faces", "images": 5}},
    }
    model = replace(model_of("dcgan", "generator"), facts={**FACTS, "scores": [record, other], "dataset": None})
    first, second = front_matter(card(model))["model-index"][0]["results"]
    assert first["dataset"] == {"type": "ylecun/mnist", "name": "mnist"}
    assert second["dataset"] == {"type": "faces", "name": "faces"}
    assert [each["value"] for each in second["metrics"]] == [1e-05]  # a number in YAML 1.1 too


def test_a_card_names_the_extra_and_tells_a_large_difference():
    text = card(model_of("dcgan", "generator"), "safetensors", checked=2e-4, warning="more than usual")
    assert "It needs mxgan with MXNet, in a clone of mxgan: `pip install '.[opencv,safetensors]'`" in text
    assert "by at most 0.0002. That is more than usual." in text


def test_a_network_of_unknown_origin_and_a_discriminator_have_a_card():
    text = card(replace(model_of("ssgan", "discriminator"), facts={"file": "d-0001.params"}))
    assert front_matter(text)["tags"] == ["gan", "image-generation", "mxnet"]
    assert "It comes from the file d-0001.params; its training is not known." in text
    assert "What the network was trained on is not known." in text
    assert [row[0] for row in rows(text, "Inputs and outputs")] == [
        "`data` (input)", "`score` (output)", "`logits` (output)",
    ]  # fmt: skip
    assert "## Training" not in text
    assert "## Scores" not in text
    assert "Not measured: the run is not known." in card(replace(model_of("dcgan", "generator"), facts={}))


@pytest.mark.parametrize("given", ["MIT", "cc-by-4.0", "unknown"])
def test_a_licence_of_the_hub_is_named_as_there(given):
    found = front_matter(card(replace(model_of("dcgan", "generator"), facts={"license": given})))
    assert found["license"] == given.lower()
    assert "license_name" not in found


def test_any_other_licence_is_other_with_its_name():
    text = card(replace(model_of("dcgan", "generator"), facts={"license": "My Lab's: Licence 2"}))
    assert (front_matter(text)["license"], front_matter(text)["license_name"]) == ("other", "my-lab-s-licence-2")
    assert "\n## Licence\n\nMy Lab's: Licence 2.\n" in text


@pytest.mark.parametrize("given", ["", " \n", "a" * 201, "a\0b", 3])
def test_what_is_no_licence_is_refused(given):
    with pytest.raises(ArgumentError, match=r"^license is .*give an identifier such as mit"):
        check_license(given)
    assert check_license(" My\n licence ") == "My licence"


def test_names_cannot_break_yaml_markdown_or_tables():
    names = tuple(f"{HOSTILE}{i}" for i in range(10))
    model = replace(
        model_of("cgan", "generator"),
        class_names=names,
        facts={**FACTS, "dataset": HOSTILE, "recipe": None, "data_classes": list(names), "license": "no: 'x' #"},
    )
    record = FACTS["scores"][0]
    judged = {**record["protocol"], "reference": {**record["protocol"]["reference"], "dataset": HOSTILE}}
    model = replace(model, facts={**model.facts, "scores": [{**record, "protocol": judged}]})
    text = card(model)
    found = front_matter(text)
    assert found["license_name"] == "no-x"
    assert found["model-index"][0]["results"][0]["dataset"]["name"] == "".join(
        letter if letter.isprintable() else " " for letter in HOSTILE
    )
    assert "datasets" not in found
    assert {len(row) for row in rows(text, "Inputs and outputs")} == {4}
    assert text.count("\n---\n") == 1  # the end of the front matter
    prose = re.sub(r"```.*?```", "", text.split("\n---\n")[1], flags=re.DOTALL)
    assert not re.search(r"(?<!\\)<b>|(?<!\\)\[z\]|(?<!\\)\*y", prose)
    assert text.encode()  # no halves of characters
    assert inline("a\\|b\n\tc") == r"a\\\|b c"


# Format → what its lines may not import. What they need beside these is the format's own library alone.
ELSEWHERE = {
    "npz": (),
    "safetensors": (),
    "mxnet": (),
    "onnx": ("mxgan", "mxnet", "torch", "cv2", "PIL", "onnx"),
    "torch": ("mxgan", "mxnet", "numpy", "cv2", "PIL", "onnxruntime"),
}


def lines_of(text: str) -> str:
    (block,) = re.findall(r"^```python\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    return block


def run(code: str, form: str, folder) -> str:
    """Run the lines in a process of their own, in the exported folder; return what they print."""
    missing = f"import sys; sys.modules.update(dict.fromkeys({ELSEWHERE[form]!r}))\n"
    if form == "mxnet":  # the NumPy of the tests may be newer than plain MXNet takes
        missing = "from mxgan.runtime import mx\n"
    script = f"{missing}exec(compile(open('lines.py').read(), 'lines.py', 'exec'))"
    (folder / "lines.py").write_text(code)
    path = {} if "mxgan" in ELSEWHERE[form] else {"PYTHONPATH": str(Path(mxgan.__file__).resolve().parent.parent)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=folder, env={**os.environ, **path}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


QUICK = {("onnx", "generator", "dcgan")}
CASES = [
    (form, half, variant)
    for form in ELSEWHERE
    for half in HALVES
    for variant in ("dcgan", "colour cgan", "cgan", "ssgan", "uniform latents", "mlp-gan")
]


@pytest.mark.parametrize(
    "form, half, variant",
    [case if case in QUICK else pytest.param(*case, marks=pytest.mark.long) for case in CASES],
)
def test_the_lines_of_a_card_work_as_they_stand(form, half, variant, tmp_path):
    model = replace(model_of(variant, half), facts=FACTS)
    write_model(model, tmp_path, form, check_format(form))
    files = tuple((path.name, 1) for path in sorted(tmp_path.iterdir()))
    code = lines_of(card_of(model, Card(form, {}, files)))
    assert len(code.splitlines()) <= 10
    assert max(map(len, code.splitlines())) <= 120
    printed = run(code, form, tmp_path)
    if half == "discriminator":
        assert len(re.findall(r"-?\d+\.\d*(?:e-?\d+)?", printed)) == 16
        return
    with Image.open(tmp_path / "grid.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    cells = (2, 8) if form == "torch" else (4, 4)
    height, width = (count * side for count, side in zip(cells, image_shape(model)[1:]))
    gap = 6 if form in ("npz", "safetensors") else 0  # mxgan draws black lines between images
    assert pixels.shape == (height + gap, width + gap, 3)
    assert pixels.std() > 10


def test_every_format_has_lines():
    assert ELSEWHERE.keys() == FORMATS.keys()


def test_a_card_tells_what_differs_from_the_picture_and_how_to_go_on():
    text = card(model_of("cgan", "generator"), "torch")
    assert "makes images of a class out of random numbers" in text
    assert "others than those of samples.png" in text
    assert "`python model.py --num 16 --output grid.png --class 0`" in text
    assert "`python model.py images.pt --class 0`" in card(model_of("cgan", "discriminator"), "torch")
    assert "others than those" not in card(model_of("cgan", "generator"), "npz")


def test_a_score_that_is_a_bound_says_so():
    real = {"dataset": "digits", "images": 100}
    protocol = {"samples": 100, "seed": 0, "checkpoint": 2, "weights": "raw", "reference": real}
    results = {"birthday": {"value": 3e6, "at_least": True, "summary": "see `reference`"}}
    (table,) = score_tables({"scores": [{"protocol": protocol, "results": results}]})
    assert table["rows"] == [("birthday", "≥ 3e+06", "", "see reference")]
