from __future__ import annotations

import resource

import pytest

from mxgan.runtime import memory
from mxgan.runtime.memory import available_bytes


def test_the_limit_of_address_space_counts():
    limits = resource.getrlimit(resource.RLIMIT_AS)
    size = memory._kilobytes(memory.Path("/proc/self/status"), "VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (size + 2**30, limits[1]))
    try:
        assert 2**29 < available_bytes() <= 2**30
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    assert available_bytes() > 0


@pytest.mark.parametrize(
    "line, root, most, now",
    [
        ("0::/a/b\n", "", "memory.max", "memory.current"),
        ("4:cpu,memory:/a/b\n", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ],
)
def test_the_limits_of_cgroups_count(monkeypatch, tmp_path, line, root, most, now):
    inner = tmp_path / root / "a" / "b"
    inner.mkdir(parents=True)
    (inner / most).write_text("max\n")
    (inner.parent / most).write_text("5000\n")
    (inner.parent / now).write_text("3000\n")
    (inner.parent / "memory.stat").write_text("anon 1\ninactive_file 700\n")
    own = memory._text
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path)
    monkeypatch.setattr(memory, "_text", lambda path: line if str(path) == "/proc/self/cgroup" else own(path))
    assert memory._of_cgroups() == [2700]
    assert available_bytes() == 2700


def test_no_cgroup_is_no_limit(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path)
    assert memory._of_cgroups() == []
