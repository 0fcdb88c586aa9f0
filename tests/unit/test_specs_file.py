"""The file of feature specs while others change it, as Kubernetes does and otherwise."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from coinslot.errors import NotReady
from coinslot.features.file import SpecsFile


def document(*names: str) -> str:
    return json.dumps({"featureSpecs": [{"name": name} for name in names]})


def names(file: SpecsFile) -> list[str]:
    return [spec.name for spec in file.read().specs]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data"


def mount(folder: Path, version: str, text: str) -> None:
    """A new version of a mounted ConfigMap: a folder, and one symbolic link that is swapped."""
    (folder / version).mkdir()
    (folder / version / "data").write_text(text)
    (folder / "..new").symlink_to(version)
    (folder / "..new").rename(folder / "..data")
    if not (folder / "data").is_symlink():
        (folder / "data").symlink_to("..data/data")


def test_while_there_is_no_file_there_are_no_specs_and_that_is_no_fault(path: Path) -> None:
    file = SpecsFile(path)

    assert names(file) == []
    file.check()


def test_a_file_that_comes_changes_and_goes_is_followed(path: Path) -> None:
    file = SpecsFile(path)
    seen = [names(file)]

    for text in (document("a"), document("a", "b"), document("c")):
        path.write_text(text)
        seen.append(names(file))
    path.unlink()
    seen.append(names(file))

    assert seen == [[], ["a"], ["a", "b"], ["c"], []]


def test_a_mounted_config_map_is_followed_when_its_link_is_swapped(tmp_path: Path) -> None:
    mount(tmp_path, "..1", document("a"))
    file = SpecsFile(tmp_path / "data")
    before = names(file)

    mount(tmp_path, "..2", document("b"))
    os.utime(tmp_path / "..2" / "data", ns=(0, (tmp_path / "..1" / "data").stat().st_mtime_ns))

    assert (before, names(file)) == (["a"], ["b"])


def test_what_did_not_change_is_not_read_again(path: Path) -> None:
    path.write_text(document("a"))
    file = SpecsFile(path)

    assert file.read() is file.read()


@pytest.mark.parametrize("bad", ["", "{", '{"featureSpecs": [{"boolean": true}]}', document("a", "a")])
def test_a_bad_change_leaves_the_last_good_ones_and_is_logged_once(
    path: Path, bad: str, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text(document("a"))
    file = SpecsFile(path)
    file.check()

    path.write_text(bad)
    with caplog.at_level(logging.ERROR):
        kept = [names(file), names(file)]
        file.check()  # pods stay in service
    path.write_text(document("b"))

    assert kept == [["a"], ["a"]]
    assert len(caplog.records) == 1
    assert str(path) in caplog.text
    assert names(file) == ["b"]


def test_a_file_that_was_never_good_is_not_ready_until_it_is(path: Path) -> None:
    path.write_text("{")
    file = SpecsFile(path)

    with pytest.raises(NotReady):
        file.check()

    assert names(file) == []
    path.write_text(document("a"))
    file.check()
    assert names(file) == ["a"]


def test_what_cannot_be_read_at_all_is_no_crash(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.mkdir()
    file = SpecsFile(path)

    assert [names(file), names(file)] == [[], []]
    assert len(caplog.records) == 1
    with pytest.raises(NotReady):
        file.check()
