"""Files of settings: three formats, and every fault in words."""

import os
import random
import time

import pytest

from mxgan.errors import ArgumentError
from mxgan.runtime.documents import read_document

SAME = {"a": {"b": 1, "c": [0.001, "x"]}, "d": True}
TEXTS = {
    "x.yaml": "a:\n  b: 1\n  c: [0.001, x]\nd: true\n",
    "x.yml": "{a: {b: 1, c: [0.001, x]}, d: true}",
    "x.TOML": 'd = true\n[a]\nb = 1\nc = [1e-3, "x"]\n',
    "x.json": '{"a": {"b": 1, "c": [1e-3, "x"]}, "d": true}',
}


def file(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("name", TEXTS)
def test_the_same_values_from_every_format(tmp_path, name, mark):
    assert read_document(file(tmp_path, name, mark + TEXTS[name].encode())) == SAME


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("x.yaml", "a: \u00e9".encode("latin-1"), "x.yaml, line 1: byte 3 (0xe9) is not UTF-8. Save it in UTF-8."),
        ("x.yaml", "a: 1".encode("utf-16"), "is in UTF-16. Save it in UTF-8."),
        ("x.yaml", "", "x.yaml is empty; write settings by their names"),
        ("x.yaml", "# nothing\n", "is empty"),
        ("x.yaml", "- 1\n", "holds [1]; write settings by their names"),
        ("x.json", "[]", "holds []"),
        ("x.json", "", "cannot be read as JSON: Expecting value"),
        ("x.json", '{"a": 1,}', "cannot be read as JSON"),
        ("x.json", '{"a": {"b": 1, "b": 2}}', "the key 'b' stands twice in one object; leave one out."),
        ("x.json", '{"a": NaN}', "a is nan; give a finite number."),
        ("x.json", '{"a": [1e999]}', "a is inf"),
        ("x.json", '{"a": ' + "9" * 5000 + "}", "cannot be read as JSON"),
        ("x.json", '{"a":' * 100_000, "nested too deeply"),
        ("x.yaml", "[" * 100_000, "nested too deeply"),
        ("x.toml", "a = " + "[" * 100_000, "nested too deeply"),
        ("x.yaml", "a: .nan", "a is nan"),
        ("x.yaml", "a: " + "9" * 5000, "cannot be read as YAML"),
        ("x.toml", "a = 1\na = 2\n", "cannot be read as TOML: Cannot overwrite a value (at line 2"),
        ("x.toml", "a = 2026-11-29\n", "a is 2026-11-29 (a date); give text, in quotes, or a number."),
        ("x.toml", "[b]\na = inf\n", "b.a is inf"),
        ("x.yaml", b"a: 1\n" * 300_000, "larger than 1,024 KB"),
        ("x.ini", "a=1", "give a file of settings that ends in .yaml, .yml, .toml, .json."),
        ("x", "a: 1", "give a file of settings that ends in"),
    ],
)
def test_what_cannot_be_read_is_an_error_in_words(tmp_path, name, content, words):
    with pytest.raises(ArgumentError) as caught:
        read_document(file(tmp_path, name, content))
    assert words in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(ArgumentError, match=r"gone\.yaml cannot be read: No such file or directory"):
        read_document(tmp_path / "gone.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ArgumentError, match="is a pipe or a device"):
        read_document(tmp_path / "pipe.yaml")
    with pytest.raises(ArgumentError, match="is a folder; give a file"):
        read_document(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ArgumentError, match=r"is a folder; give .*/config\.json"):
        read_document(tmp_path)
    with pytest.raises(ArgumentError, match="zero byte"):
        read_document("a\0.yaml")


def test_300_broken_files_end_in_words_and_in_time(tmp_path):
    draw = random.Random(18)
    began, problems = time.monotonic(), []
    for number in range(300):
        name = draw.choice(sorted(TEXTS))
        content = bytearray(TEXTS[name].encode())
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(len(content))
            content[at : at + draw.randint(0, 2)] = bytes(draw.randrange(256) for _ in range(draw.randint(0, 3)))
        path = file(tmp_path, f"{number}-{name}", bytes(content))
        try:
            read_document(path)
        except ArgumentError as error:
            problems.append(str(error))
    assert len(problems) > 100
    assert all(str(tmp_path) in problem for problem in problems)
    assert time.monotonic() - began < 10
