"""What keeps a process from starting, and where the web servers may listen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from coinslot.ports import free_port
from coinslot.settings import Settings
from tests.pipeline import Pipeline

TOKEN = "a-token-0123456789"


def start(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    ours = {name.upper() for name in Settings.names()}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.run(
        [sys.executable, "-m", *command],
        env={**inherited, "PORT": str(free_port()), **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.parametrize("module", ["api", "front", "coinslot.cli"])
def test_beyond_loopback_nothing_starts_before_it_is_said_who_may_come_in(module: str, tmp_path: Path) -> None:
    command = [module, "up"] if module == "coinslot.cli" else [module]

    ended = start(*command, HOST="0.0.0.0", DATA_DIR=str(tmp_path / "data"), DB_BACKEND="sqlite")

    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("coinslot: HOST=0.0.0.0 can be reached from outside")
    assert "API_AUTH" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_authentication_without_a_token_does_not_start(tmp_path: Path) -> None:
    ended = start("front", API_AUTH="enable")

    assert ended.returncode == 2
    assert ended.stderr == (
        "coinslot: API_AUTH=enable without a token: set WRITE_TOKENS, READ_TOKENS or ADMIN_TOKENS\n"
    )


@pytest.mark.parametrize("command", ["ingest", "worker", "api", "front", "coinslot.cli up", "coinslot.cli doctor"])
def test_a_config_file_that_is_wrong_does_not_start(command: str, tmp_path: Path) -> None:
    config = tmp_path / "coinslot.toml"
    config.write_text(f'write_tokens = ["{TOKEN}"]\n[[counters]]\n[[counters]]\ndate_cohort = "daily"\n')

    ended = start(*command.split(), COINSLOT_CONFIG=str(config), DATA_DIR=str(tmp_path / "data"))

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"coinslot: {config}: counters number 2: date_cohort='daily': Input should be '' or 'weekly'\n"
    )


@pytest.mark.parametrize("said", [{"API_AUTH": "disable", "READ_TOKENS": TOKEN}, {"READ_TOKENS": TOKEN}])
def test_positive_control_it_starts_once_that_is_said(
    redis_url: str, prefix: str, tmp_path: Path, said: dict[str, str]
) -> None:
    environment = {"HOST": "0.0.0.0", "REDIS_URL": redis_url, "KEY_PREFIX": prefix, "DB_BACKEND": "memory", **said}
    pipeline = Pipeline(tmp_path, environment, workers=0)

    try:
        pipeline.start()
        status = pipeline.get("/count").status
    finally:
        pipeline.stop()

    assert status == (200 if "API_AUTH" in said else 401)
    assert ("nobody is asked for them" in pipeline.logs()) == ("API_AUTH" in said)
