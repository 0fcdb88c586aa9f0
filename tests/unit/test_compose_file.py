"""docker-compose.yml: what it makes of its user's environment, whom the web containers let in, and who gets what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from coinslot.binding import listen_address
from coinslot.errors import CannotStart
from coinslot.settings import Settings
from ingest.app import PATHS

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-0123456789"


def started(monkeypatch: pytest.MonkeyPatch, **user: str) -> Settings:
    """The settings of a web container, started; raises CannotStart as it would."""
    (image,) = re.findall(r"^ENV .*PYTHON.*$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    given = dict(re.findall(r"([A-Z_]+)=(\S+)", image))
    compose = re.findall(r"^    ([A-Z_]+): (.+)$", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)
    given |= {name: re.sub(r"\$\{(\w+):-(.*)\}", lambda m: user.get(m[1]) or m[2], value) for name, value in compose}
    for name in Settings.names():
        monkeypatch.setenv(name.upper(), given.get(name.upper(), ""))
    settings = Settings.load(port=0)
    assert listen_address(settings)[0] == "0.0.0.0"
    return settings


def test_by_itself_it_is_open_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = started(monkeypatch)

    assert settings.redis_url == "redis://redis:6379/0"
    assert not settings.auth_is_on


@pytest.mark.parametrize("name", ["WRITE_TOKENS", "READ_TOKENS", "ADMIN_TOKENS"])
@pytest.mark.parametrize("listen", ["", "0.0.0.0:80"])
def test_tokens_that_are_set_are_asked_for(monkeypatch: pytest.MonkeyPatch, name: str, listen: str) -> None:
    assert started(monkeypatch, LISTEN=listen, **{name: TOKEN}).auth_is_on


def test_published_elsewhere_it_does_not_start_before_it_is_said_who_may_come_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(CannotStart, match=r"^GATEWAY=0\.0\.0\.0:80 can be reached from outside"):
        started(monkeypatch, LISTEN="0.0.0.0:80")

    assert not started(monkeypatch, LISTEN="0.0.0.0:80", API_AUTH="disable").auth_is_on


def test_the_gateway_hands_to_ingest_what_is_ingests() -> None:
    gateway = (ROOT / "deploy" / "nginx.conf").read_text()

    assert tuple(re.findall(r"^ +POST:(\S+) +ingest;$", gateway, re.MULTILINE)) == PATHS
