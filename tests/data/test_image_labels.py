import json
import logging
import os
from pathlib import Path

import pytest

from mxgan.data import label_files, open_dataset
from mxgan.data.folder import load_folder
from mxgan.data.image_labels import labels_path
from mxgan.data.packing import pack_folder
from mxgan.data.record_files import read_records
from mxgan.errors import ArgumentError, CorruptFileError, DatasetError, DatasetNotFoundError
from mxgan.runtime import mx
from tests.data.test_archives import write_folder, write_zip

CSV = "filename,label\nb.png,dog\na.png,cat\nsub/c.png,dog\n"
JSON = json.dumps({"labels": [["a.png", 9], ["sub/c.png", 3], ["b.png", 11]]})


@pytest.fixture
def images(encode_photo):
    """Three images, two in the top folder and one in a subfolder."""
    return {name: encode_photo(number, ".png") for number, name in enumerate(["a.png", "b.png", "sub/c.png"])}


def load(place, **settings):
    return load_folder(place, 16, progress=False, **settings)


def classes_of(place, **settings) -> tuple:
    report = load(place, **settings).report
    return report.class_names, report.labels


def with_labels(folder: Path, images: dict, **files: str) -> Path:
    """The images in a folder, and labels.csv or dataset.json beside them."""
    names = {"csv": "labels.csv", "json": "dataset.json"}
    return write_folder(folder, {**images, **{names[kind]: text.encode() for kind, text in files.items()}})


def test_what_is_set_wins_then_dataset_json_then_labels_csv_then_subfolders(tmp_path, images, caplog):
    caplog.set_level(logging.INFO)
    folder = with_labels(tmp_path / "in", images, csv=CSV, json=JSON)
    own = tmp_path / "own.csv"
    own.write_text("a.png,x\nb.png,x\nsub/c.png,y\n")
    assert classes_of(folder, labels=str(own)) == (["x", "y"], [0, 0, 1])
    assert f"The labels are those of {own}, 2 classes; --labels folders takes the subfolders as classes" in caplog.text
    assert classes_of(folder) == (["3", "9", "11"], [1, 2, 0])  # numbers in their order, not that of texts
    assert f"The labels are those of {folder / 'dataset.json'}, 3 classes" in caplog.text
    assert classes_of(folder, labels="labels.csv") == (["cat", "dog"], [0, 1, 1])
    assert classes_of(folder, labels="folders") == (["", "sub"], [0, 0, 1])
    (folder / "dataset.json").unlink()
    assert classes_of(folder) == (["cat", "dog"], [0, 1, 1])
    (folder / "labels.csv").unlink()
    assert classes_of(folder) == (["", "sub"], [0, 0, 1])


def test_in_an_archive_as_in_the_folder(tmp_path, images):
    for kind, text in (("csv", CSV), ("json", JSON)):
        folder = with_labels(tmp_path / kind, images, **{kind: text})
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}
        unpacked, packed = load(folder), load(write_zip(tmp_path / f"{kind}.zip", files))
        around = load(write_zip(tmp_path / f"{kind}2.zip", {f"around/{name}": each for name, each in files.items()}))
        assert packed.report == unpacked.report == around.report
        assert packed.digest == unpacked.digest == around.digest
        assert len(packed.report.class_names) == {"csv": 2, "json": 3}[kind]


def test_the_description_names_the_source(tmp_path, images):
    data = open_dataset("folder", data_dir=with_labels(tmp_path / "in", images, csv=CSV), batch_size=2)
    assert data.describe().endswith(f"({tmp_path / 'in'}, 2 classes by labels.csv)")
    assert (data.num_classes, data.class_names) == (2, ("cat", "dog"))
    with pytest.raises(ArgumentError, match="the data set 'digits' takes no labels; leave it out, or use folder"):
        open_dataset("digits", batch_size=2, labels="folders")


def test_packed_with_the_same_labels(tmp_path, images):
    folder = with_labels(tmp_path / "in", images, csv=CSV)
    report = pack_folder(folder, tmp_path / "out.rec", progress=False)
    packed = [mx.recordio.unpack(payload)[0].label for _, payload in read_records(tmp_path / "out.rec")]
    assert (report.classes, packed, report.skipped) == (["cat", "dog"], [0, 1, 1], [])
    again = pack_folder(folder, tmp_path / "again.rec", progress=False, labels="folders")
    assert again.classes == ["", "sub"]
    assert [path.name for path, _ in again.skipped] == ["labels.csv"]


def test_no_labels_of_stylegan(tmp_path, images, caplog):
    caplog.set_level(logging.INFO)
    folder = with_labels(tmp_path / "in", images, json='{"labels": null}')
    found = load(folder, labels="dataset.json")
    assert (found.report.class_names, found.report.label_array, len(found.images)) == ([], None, 3)
    assert "dataset.json says that there are no labels; --labels folders takes the subfolders" in caplog.text
    assert pack_folder(folder, tmp_path / "out.rec", progress=False, labels="dataset.json").classes == [""]
    assert classes_of(folder) == (["", "sub"], [0, 0, 1])
    assert "dataset.json says that there are no labels: the subfolders are the classes" in caplog.text


WAYS = {
    "no heading": "a.png,cat\nb.png,dog\nsub/c.png,dog\n",
    "other heading": "Photo,Kind\na.png,cat\nb.png,dog\nsub/c.png,dog\n",
    "without suffix": "id,breed\na,cat\nb,dog\nc,dog\n",
    "names alone": "image,label\na.png,cat\nb.png,dog\nc.png,dog\n",
    "columns turned": "label,filename\ncat,a.png\ndog,b.png\ndog,sub/c.png\n",
    "more columns": ",width,Image ID,class\n0,80,a,cat\n1,80,b,dog\n2,80,c,dog\n",
    "semicolons": "a.png;cat\nb.png;dog\nsub/c.png;dog\n",
    "tabs": "a.png\tcat\nb.png\tdog\nsub/c.png\tdog\n",
    "quotes": '"a.png","cat"\n"b.png","dog"\n"sub/c.png","dog"\n',
    "mark and lines of Windows": "\ufefffilename,label\r\na.png,cat\r\nb.png,dog\r\n\r\nsub\\c.png,dog\r\n",
    "spaces and blank lines": "\n a.png , cat\n\n./b.png, dog\nsub/c.png,dog\n\n",
    "twice": "a.png,cat\nb.png,dog\na.png,cat\nc,dog",
}


@pytest.mark.parametrize("way", WAYS)
def test_csv_as_it_comes(tmp_path, images, caplog, way):
    folder = with_labels(tmp_path / "in", images)
    (folder / "labels.csv").write_bytes(WAYS[way].encode())
    assert classes_of(folder) == (["cat", "dog"], [0, 1, 1])
    assert caplog.text == ""


@pytest.mark.parametrize(
    "labels, names, numbers",
    [
        (("10", "9", "9"), ["9", "10"], [1, 0, 0]),
        (("007", "7", "1.0"), ["1", "7"], [1, 1, 0]),
        (("-1", "26", "1"), ["-1", "1", "26"], [0, 2, 1]),
        (("10", "9", "dog"), ["10", "9", "dog"], [0, 1, 2]),
        (("²", "1", "größe"), ["1", "größe", "²"], [2, 0, 1]),
    ],
)
def test_classes_are_the_labels_that_occur_in_order(tmp_path, images, labels, names, numbers):
    csv = "\n".join(f"{name},{label}" for name, label in zip(images, labels))
    assert classes_of(with_labels(tmp_path / "in", images, csv=csv)) == (names, numbers)


def test_files_of_other_kinds_do_not_share_a_name_with_an_image(tmp_path, images):
    texts = {"a.txt": b"a caption", "b.json": b"{}"}
    folder = with_labels(tmp_path / "in", {**images, **texts}, csv="a,cat\nb,dog\nc,dog\n")
    assert classes_of(folder) == (["cat", "dog"], [0, 1, 1])


def test_images_without_a_row_are_named_before_anything_is_decoded(tmp_path, images, monkeypatch, caplog):
    folder = with_labels(tmp_path / "in", images, csv="a.png,cat\nb.png,dog\n")
    wanted = f"labels.csv has no row for 1 of the images: {folder / 'sub' / 'c.png'}. Add the rows or move these images"
    with monkeypatch.context() as patch:
        patch.setattr("mxgan.data.folder.decode_bgr", lambda *_: pytest.fail("an image was decoded"))
        with pytest.raises(DatasetError, match=f"{wanted} away; --labels folders takes the subfolders as classes"):
            load(folder, labels="labels.csv")
    with pytest.raises(DatasetError, match=wanted):
        pack_folder(folder, tmp_path / "out.rec", progress=False, labels="labels.csv")
    assert not (tmp_path / "out.rec").exists()
    assert classes_of(folder, limit=2) == (["cat", "dog"], [0, 1])
    (folder / "sub" / "c.png").rename(folder / "sub" / "c")  # an image all the same
    with pytest.raises(DatasetError, match="has no row for 1 of the images: .*in/sub/c. Add"):
        load(folder, labels="labels.csv")
    assert classes_of(folder) == (["", "sub"], [0, 0, 1])
    assert "labels.csv was found and is not used as the labels file: " in caplog.text


def test_rows_without_an_image_are_a_warning(tmp_path, images, caplog):
    folder = with_labels(tmp_path / "in", images, csv=CSV + "gone.png,bird\nd,bird\n")
    assert classes_of(folder) == (["cat", "dog"], [0, 1, 1])
    assert "labels.csv has 2 rows without a file here: gone.png (line 5), d (line 6)" in caplog.text


def test_another_labels_file_is_another_data_set(tmp_path, images, cache):
    own, folder = tmp_path / "own.csv", with_labels(tmp_path / "in", images)
    digests = set()
    for text in (CSV, CSV.replace("b.png,dog", "b.png,cat")):
        own.write_text(text)
        os.utime(own, ns=(1, 1))
        digests.add(load(folder, labels=str(own)).digest)
    assert len(digests) == 2
    load(folder)
    assert len(list((cache / "folders").iterdir())) == 4, "the labels as they were before are removed"


def deep(text: str) -> str:
    return text * 100_000


BROKEN = {
    "empty": ("csv", "", "has no rows. Give a CSV in UTF-8 with two columns"),
    "heading alone": ("csv", "filename,label\n", "has no rows"),
    "one column": ("csv", "a.png\nb.png\n", r"has 1 column \('a.png'\), and their headings do not say"),
    "columns unknown": ("csv", "x,y1,z\n1,2,3\n", "Give two columns, or head them filename and label"),
    "columns differ": ("csv", "a.png,1\nb.png\n", "has 1 column in line 2 and 2 in the first"),
    "quote open": ("csv", 'a.png,1\nb.png,"2\n', "is not CSV: line ., unexpected end of data"),
    "endless": ("csv", "a.png," + deep("x") * 2, "is not CSV: line .*, field larger than field limit"),
    "long": ("csv", "a.png," + "x" * 201, "line 1 has a label of 201 letters. Give 1 to 200"),
    "no label": ("csv", "a.png,1\nb.png,\n", "line 2 has no label"),
    "no image": (
        "csv",
        "x.png,1\ny.png,2\n",
        r"names no file in .*in: it has names such as 'y.png', and the files are",
    ),
    "two labels": ("csv", "a.png,1\na,2\n", "line 2: 'a' has the label '2' here and '1' in another row. Leave one"),
    "binary": ("csv", "a.png,\udc80", "labels.csv, byte 6: is not text in UTF-8"),
    "no json": ("json", "{", "is not JSON"),
    "deep json": ("json", deep("["), "is not JSON"),
    "other json": ("json", '{"images": []}', 'has no "labels"'),
    "a list": ("json", "[1]", 'has no "labels"'),
    "an object": ("json", '{"labels": {"a.png": 1}}', "has {'a.png': 1} as its \"labels\""),
    "nothing": ("json", '{"labels": []}', "has no rows. The form is"),
    "vectors": (
        "json",
        '{"labels": [["a.png", [0, 1]]]}',
        r"the label \[0, 1\]. Only class numbers are taken, no vectors",
    ),
    "texts": ("json", '{"labels": [["a.png", "cat"]]}', "entry 0 .'a.png'. has the label 'cat'. Only class numbers"),
    "true": ("json", '{"labels": [["a.png", true]]}', "has the label True. Only class numbers"),
    "fractions": ("json", '{"labels": [["a.png", 0.5]]}', "has the label 0.5. Only class numbers"),
    "three": ("json", '{"labels": [["a.png", 1, 2]]}', r"entry 0 is \['a.png', 1, 2\], no name with a label"),
    "enormous": ("json", '{"labels": [["a.png", 1%s]]}' % ("0" * 300), "entry 0 has a label of 301 letters"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_labels_file_is_an_error_if_named_and_a_warning_if_found(tmp_path, images, caplog, fault):
    kind, text, message = BROKEN[fault]
    folder = with_labels(tmp_path / "in", images)
    name = {"csv": "labels.csv", "json": "dataset.json"}[kind]
    (folder / name).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises((CorruptFileError, DatasetError), match=message) as caught:
        load(folder, labels=name)
    assert name in str(caught.value)
    assert classes_of(folder, labels="folders") == (["", "sub"], [0, 0, 1])
    assert caplog.text == ""
    assert classes_of(folder) == (["", "sub"], [0, 0, 1])
    assert f"{name} was found and is not used as the labels file: {caught.value} The subfolders are" in caplog.text
    assert "Give --labels FILE for a labels file, or --labels folders without this warning." in caplog.text


def test_a_name_of_two_files(tmp_path, images):
    folder = with_labels(tmp_path / "in", {**images, "other/c.png": images["a.png"]}, csv="a.png,1\nc.png,2\n")
    with pytest.raises(DatasetError, match="line 2: 'c.png' is the name of 2 files .*Give their paths from the top"):
        load(folder, labels="labels.csv")


def test_an_enormous_labels_file_is_not_read(tmp_path, images, monkeypatch):
    monkeypatch.setattr("mxgan.data.image_labels.MOST_BYTES", 20)
    folder = with_labels(tmp_path / "in", images, csv=CSV)
    with pytest.raises(CorruptFileError, match="labels.csv: cannot be read: larger than 0 MB"):
        load(folder, labels="labels.csv")
    archive = write_zip(tmp_path / "in.zip", {**images, "labels.csv": CSV.encode()})
    with pytest.raises(CorruptFileError, match="in.zip/labels.csv: cannot be read: its .* are allowed; unpack"):
        load(archive, labels="labels.csv")
    assert label_files.MOST_BYTES < 64 * 2**20


@pytest.mark.parametrize("value", ["", 3, ["a.csv"]])
def test_labels_that_are_no_path(tmp_path, images, value):
    with pytest.raises(ArgumentError, match="labels is .*; give the path of a CSV or .json file, or 'folders'"):
        load(with_labels(tmp_path / "in", images), labels=value)


def test_a_labels_file_that_is_not_there(tmp_path, images):
    folder = with_labels(tmp_path / "in", images, csv=CSV)
    with pytest.raises(
        DatasetNotFoundError, match="labels is 'own.csv': there is no such file, also not in .*in. Give"
    ):
        load(folder, labels="own.csv")
    (folder / "labels.csv").unlink()
    os.mkfifo(folder / "labels.csv")  # would never end
    with pytest.raises(CorruptFileError, match="labels.csv: cannot be read: not a regular file"):
        load(folder, labels="labels.csv")


def test_a_file_found_is_left_aside_if_an_image_within_the_limit_has_no_row(tmp_path, images, caplog):
    folder = with_labels(tmp_path / "in", {**images, "a.png": b"broken"}, csv="a.png,x\nb.png,y\n")
    assert classes_of(folder, limit=2, most_broken=0.5) == (["", "sub"], [0, 1])
    assert "labels.csv was found and is not used as the labels file: " in caplog.text


def test_names_with_digits_are_no_headings(tmp_path, images):
    folder = write_folder(tmp_path / "in", {"img0.png": images["a.png"], "img1.png": images["b.png"]})
    (folder / "labels.csv").write_text("img0,class0\nimg1,class1\n")
    assert classes_of(folder, labels="labels.csv") == (["class0", "class1"], [0, 1])


def test_a_label_without_a_readable_image_is_no_class(tmp_path, images, caplog):
    others = {"note.txt": b"a note", "bad.png": b"no image"}
    text = "note.txt,aaa\nbad.png,bbb\na.png,cat\nb.png,dog\nsub/c.png,dog\n"
    folder = with_labels(tmp_path / "in", {**images, **others}, csv=text)
    assert classes_of(folder, most_broken=0.5) == (["cat", "dog"], [0, 1, 1])
    assert "labels.csv: 2 rows left out, whose labels no readable image has: note.txt, bad.png" in caplog.text
    (folder / "labels.csv").write_text("note.txt,aaa\nbad.png,bbb\n")
    with pytest.raises(DatasetError, match="labels.csv has no row for an image that can be read: note.txt, bad.png"):
        load(folder, labels="labels.csv")


def test_one_name_of_two_files_that_differ(tmp_path, images, monkeypatch):
    folder = with_labels(tmp_path / "in", images, csv=CSV)
    archive = write_zip(tmp_path / "in.zip", {**images, "labels.csv": CSV.encode()})
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "labels.csv"
    own.write_text(CSV)
    assert classes_of(folder, labels="labels.csv") == (["cat", "dog"], [0, 1, 1])
    own.write_text(CSV.replace("cat", "ant"))
    for place in (folder, archive):
        wanted = f"two such files, which differ: {own} and {place / 'labels.csv'}. Give the whole path of one of them"
        for call in (load, lambda place, labels: labels_path(labels, place)):
            with pytest.raises(ArgumentError, match=wanted):
                call(place, labels="labels.csv")
        assert classes_of(place, labels=str(own)) == (["ant", "dog"], [0, 1, 1])
        assert classes_of(place, labels=str(place / "labels.csv")) == (["cat", "dog"], [0, 1, 1])
    assert labels_path("labels.csv", tmp_path / "elsewhere") == str(own)
    assert labels_path("folders", folder) == "folders"
