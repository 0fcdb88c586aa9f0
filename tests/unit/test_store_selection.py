"""DB_BACKEND chooses the store, and settings that can never lead to one stop the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from coinslot.errors import SettingsError
from coinslot.settings import Settings
from coinslot.store import open_store
from coinslot.store.dummy import DummyStore
from coinslot.store.memory import MemoryStore
from coinslot.store.mongodb import MongoStore
from coinslot.store.sqlite import SqliteStore


@pytest.mark.parametrize(
    ("db_backend", "kind"),
    [("mongodb", MongoStore), ("sqlite", SqliteStore), ("memory", MemoryStore), ("dummy", DummyStore)],
)
def test_the_backend_chooses_the_store(db_backend: str, kind: type, tmp_path: Path) -> None:
    settings = Settings.load(db_backend=db_backend, data_dir=tmp_path)

    store = open_store(settings)
    store.close()

    assert type(store) is kind


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({"mongodb_url": "http://127.0.0.1/"}, id="a URL of something else"),
        pytest.param({"mongodb_url": "mongodb://127.0.0.1:99999/"}, id="a port that cannot be"),
        pytest.param({"db_name": "a b"}, id="a name that no database can have"),
    ],
)
def test_what_can_never_be_reached_is_a_settings_error(overrides: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"MONGODB_URL|DB_NAME") as raised:
        open_store(Settings.load(db_backend="mongodb", **overrides))

    assert "\n" not in str(raised.value)
