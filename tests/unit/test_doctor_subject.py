"""The environment comes first, then the stack that runs in DATA_DIR, then the defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from coinslot.client import DEFAULT_URL
from coinslot.doctor import subject
from coinslot.errors import SettingsError
from coinslot.settings import Settings
from coinslot.stack import environment

STACK = {
    "HOST": "127.0.0.1",
    "PORT": "4000",
    "REDIS_URL": "redis://127.0.0.1:4001/0",
    "MONGODB_URL": "mongodb://127.0.0.1:4002/",
    "COINSLOT_URL": "http://127.0.0.1:4000",
}


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What a developer has set must not reach what is tested."""
    for name in Settings.names():
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return tmp_path


def test_without_a_stack_it_is_what_the_environment_names() -> None:
    found = subject.find(None)

    assert found.settings == Settings.load()
    assert found.url == DEFAULT_URL
    assert found.findings == []


def test_a_stack_is_found_by_its_folder(folder: Path) -> None:
    environment.write(folder, STACK)

    found = subject.find(None)

    assert found.settings.redis_url == STACK["REDIS_URL"]
    assert found.settings.mongo_url == STACK["MONGODB_URL"]
    assert found.url == STACK["COINSLOT_URL"]
    assert [finding.state for finding in found.findings] == ["ok"]


def test_what_is_named_stands_over_the_stack(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment.write(folder, STACK)
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere:1/0")
    monkeypatch.setenv("DB_HOST", "elsewhere")

    found = subject.find("http://elsewhere:3000")

    assert found.settings.redis_url == "redis://elsewhere:1/0"
    assert found.settings.mongo_url == "mongodb://elsewhere:27017/"
    assert found.url == "http://elsewhere:3000"


@pytest.mark.parametrize(("auth", "host"), [({}, "127.0.0.1"), ({"API_AUTH": "disable"}, "0.0.0.0")])
def test_a_stack_that_listens_everywhere_is_taken_for_open_only_if_it_was_told_to_be(
    folder: Path, auth: dict[str, str], host: str
) -> None:
    environment.write(folder, {**STACK, "HOST": "0.0.0.0", **auth})

    assert subject.find(None).settings.host == host


def test_a_stack_that_fell_back_to_sqlite_says_so(folder: Path) -> None:
    environment.write(folder, {**STACK, "DB_BACKEND": "sqlite"})

    assert subject.find(None).settings.db_backend == "sqlite"


def test_what_cannot_be_read_is_untold_and_the_rest_goes_on(folder: Path) -> None:
    (folder / environment.FILE).mkdir()  # root may read every file

    found = subject.find(None)

    assert found.settings == Settings.load()
    assert [finding.state for finding in found.findings] == ["warning"]
    assert found.findings[0].remedy


def test_unusable_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "many")

    with pytest.raises(SettingsError, match="PORT='many'"):
        subject.find(None)
