"""What cannot be a sidecar is refused at its start, by the setting's name."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from coinslot.cli.up import up
from coinslot.errors import SettingsError
from coinslot.settings import Settings
from sidecar.app import create_site


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"analytics_host": ""}, "FEATURES_MODE=sidecar without ANALYTICS_HOST"),
        ({"analytics_host": "ftp://host"}, "ANALYTICS_HOST: 'ftp://host' is not an http:// or https:// URL"),
        ({"analytics_host": "host:port"}, "ANALYTICS_HOST: 'http://host:port' is not"),
        ({"rate_limit": "1/second", "read_tokens": "a-token-0123456789"}, "RATE_LIMIT counts requests in Redis"),
    ],
    ids=["no host", "no URL", "no port", "a limit"],
)
def test_it_does_not_start(given: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=f"^{said}"):
        create_site(Settings.load(**{"features_mode": "sidecar", "analytics_host": "host", **given}), lambda: False)


def test_positive_control_with_a_host_it_does() -> None:
    site = create_site(Settings.load(features_mode="sidecar", analytics_host="host"), lambda: False)

    assert site.max_connections > 0


def test_it_is_not_part_of_a_stack() -> None:
    ended = CliRunner().invoke(up, env={"FEATURES_MODE": "sidecar", "ANALYTICS_HOST": "host"})

    assert ended.exit_code == 2
    assert "start it with python -m front" in ended.stderr
