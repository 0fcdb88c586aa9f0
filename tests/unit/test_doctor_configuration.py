"""Settings that weaken what is promised are named, and others are not."""

from __future__ import annotations

import pytest

from coinslot.doctor.configuration import examine
from coinslot.settings import Settings

TOKEN = "a-token-0123456789"
TARGET = {"name": "crm", "host": "127.0.0.1", "port": 50051}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer has set must not reach what is tested."""
    for name in Settings.names():
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("settings", "name", "state"),
    [
        ({"host": "0.0.0.0", "api_auth": "disable"}, "settings.API_AUTH", "warning"),
        ({"api_auth": "disable", "read_tokens": TOKEN}, "settings.API_AUTH", "warning"),
        ({"host": "0.0.0.0"}, "settings.HOST", "wrong"),
        ({"host": "no-such-host.invalid"}, "settings.HOST", "wrong"),
        ({"host": "0.0.0.0", "gateway": "0.0.0.0:80"}, "settings.GATEWAY", "wrong"),
        ({"cors_origins": "*"}, "settings.CORS_ORIGINS", "warning"),
        ({"dead_max_share": 1}, "settings.DEAD_MAX_SHARE", "warning"),
        ({"db_backend": "memory"}, "settings.DB_BACKEND", "warning"),
        ({"db_backend": "dummy"}, "settings.DB_BACKEND", "warning"),
        ({"failpoint": "stored:1"}, "settings.FAILPOINT", "warning"),
        ({"gcs_bucket": "b", "google_application_credentials": "/no/such/file"}, "settings.GCS_BUCKET", "wrong"),
    ],
)
def test_a_weak_setting_is_named_with_a_remedy(settings: dict[str, object], name: str, state: str) -> None:
    (finding,) = examine(Settings.load(**settings))

    assert (finding.name, finding.state) == (name, state)
    assert finding.remedy


@pytest.mark.parametrize("name", ["external_grpc_event_targets", "external_grpc_prediction_targets"])
def test_targets_without_the_extra_they_take_are_wrong(name: str) -> None:
    (finding,) = examine(Settings.load(**{name: [TARGET]}), find=lambda package: None)

    assert (finding.name, finding.state) == (f"settings.{name.upper()}", "wrong")
    assert "coinslot[grpc]" in finding.seen


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"external_grpc_event_targets": [TARGET]},
        {"s3_bucket": "counters"},
        {"host": "localhost", "api_auth": "disable"},
        {"host": "0.0.0.0", "admin_tokens": TOKEN},
        {"host": "0.0.0.0", "gateway": "127.0.0.1:3000"},
        {"cors_origins": "*", "write_tokens": TOKEN},
        {"cors_origins": "https://example.com"},
    ],
)
def test_positive_control_a_sound_one_is_not(settings: dict[str, object]) -> None:
    (finding,) = examine(Settings.load(**settings))

    assert finding.state == "ok"


def test_no_token_is_shown() -> None:
    findings = list(examine(Settings.load(host="0.0.0.0", api_auth="disable", write_tokens=TOKEN)))

    assert len(findings) == 2
    assert TOKEN not in str(findings)
