"""Settings: defaults that stand in the contract, values that are refused by name, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from coinslot.errors import SettingsError
from coinslot.settings import Settings


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a developer has set must not reach what is tested."""
    for name in Settings.names():
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)
    yield


def test_without_an_environment_the_defaults_are_those_of_the_contract() -> None:
    settings = Settings.load()

    assert (settings.host, settings.port, settings.mode) == ("127.0.0.1", 3000, "dev")
    assert (settings.db_backend, settings.db_name) == ("mongodb", "bid_kpi")
    assert settings.mongo_url == "mongodb://127.0.0.1:27017/"
    assert settings.redis_url == "redis://127.0.0.1:6379/0"
    assert settings.queue_is_on_redis
    assert settings.cors_origins == ()


def test_every_setting_is_read_from_the_variable_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8080")
    monkeypatch.setenv("MODE", "prod")
    monkeypatch.setenv("DATA_DIR", "/var/lib/coinslot")
    monkeypatch.setenv("PUBLISH_TIMEOUT_S", "0.5")
    monkeypatch.setenv("SOMETHING_ELSE", "is none of ours")

    settings = Settings.load()

    assert (settings.port, settings.mode, settings.publish_timeout_s) == (8080, "prod", 0.5)
    assert settings.data_dir == Path("/var/lib/coinslot")


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "DB_NAME", "REDIS_URL", "MONGODB_URL", "BROKER_URL", "CORS_ORIGINS"):
        monkeypatch.setenv(name, "")

    settings = Settings.load()

    assert (settings.port, settings.db_name, settings.redis_url) == (3000, "bid_kpi", "redis://127.0.0.1:6379/0")
    assert "redis_url" not in settings.model_fields_set


def test_a_url_that_cannot_be_used_is_named_without_the_password_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = {
        "REDIS_URL": "redis://:secret@127.0.0.1:port/0",
        "MONGODB_URL": "mongodb://me:secret@127.0.0.1:99999/",
        "BROKER_URL": "redis://:secret@127.0.0.1/0",
    }

    for name, url in bad.items():
        monkeypatch.setenv(name, url)
        with pytest.raises(SettingsError) as caught:
            Settings.load()
        monkeypatch.delenv(name)
        assert str(caught.value).startswith(f"{name}: ")
        assert "secret" not in str(caught.value)


def test_overrides_stand_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8080")

    assert Settings.load(port=9090).port == 9090


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("MODE", "production"),
        ("DB_BACKEND", "postgres"),
        ("DB_PORT", "0"),
        ("KEY_PREFIX", "with space"),
        ("KEY_PREFIX", "{hash}"),
        ("MAX_BODY_BYTES", "10MB"),
        ("MAX_EVENT_BYTES", str(16 * 1024 * 1024)),
        ("MAX_EVENTS_PER_POST", "0"),
        ("PUBLISH_TIMEOUT_S", "0"),
        ("BACKLOG_MAX_MESSAGES", "0"),
        ("THREADS", "1"),
        ("READY_MAX_AGE_S", "nan"),
        ("API_AUTH", "on"),
        ("RATE_LIMIT", "1000"),
        ("RATE_LIMIT", "0/minute"),
        ("RATE_LIMIT", "1000/minute;10/second"),
        ("FAILPOINT", "stored:soon"),
        ("FAILPOINT", "stored:0"),
        ("FAILPOINT", "stored:1:slow"),
        ("FAILPOINT", "nowhere"),
    ],
)
def test_a_bad_value_is_refused_in_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        Settings.load()

    assert str(caught.value).startswith(f"{name}={value!r}: ")
    assert "\n" not in str(caught.value)


def test_nothing_changes_a_setting_once_it_is_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings.load().port = 1


def test_passwords_and_urls_that_may_hold_some_are_not_shown() -> None:
    urls = {
        "mongodb_url": "mongodb://u:secret@h/",
        "redis_url": "redis://:secret@h/0",
        "broker_url": "amqp://u:secret@h",
    }

    assert "secret" not in repr(Settings.load(db_pass="secret", **urls))


def test_cors_origins_are_split_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", " https://a.example, https://b.example ,")

    assert Settings.load().cors_origins == ("https://a.example", "https://b.example")


TOKEN, ANOTHER = "a-token-0123456789", "b-token-0123456789=="


@pytest.mark.parametrize("name", ["WRITE_TOKENS", "READ_TOKENS", "ADMIN_TOKENS"])
def test_tokens_are_split_by_commas_and_never_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, f" {TOKEN}, {ANOTHER},")

    settings = Settings.load()

    assert getattr(settings, name.lower()) == (TOKEN, ANOTHER)
    assert TOKEN not in repr(settings) + str(settings)


@pytest.mark.parametrize("name", ["WRITE_TOKENS", "READ_TOKENS", "ADMIN_TOKENS"])
@pytest.mark.parametrize("bad", ["tooshort", "with space 0123456789", '"quoted-0123456789"', "späte-0123456789"])
def test_a_token_that_cannot_be_one_is_named_by_its_place_alone(
    monkeypatch: pytest.MonkeyPatch, name: str, bad: str
) -> None:
    monkeypatch.setenv(name, f"{TOKEN},{bad}")

    with pytest.raises(SettingsError, match=f"^{name}: number 2: a token is 16 or more of") as caught:
        Settings.load()

    assert TOKEN not in str(caught.value)
    assert bad not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "is_on"),
    [
        ({}, False),
        ({"API_AUTH": "disable"}, False),
        ({"READ_TOKENS": TOKEN}, True),
        ({"WRITE_TOKENS": TOKEN}, True),
        ({"ADMIN_TOKENS": TOKEN}, True),
        ({"ADMIN_TOKENS": TOKEN, "API_AUTH": "enable"}, True),
        ({"ADMIN_TOKENS": TOKEN, "API_AUTH": "disable"}, False),
        ({"ADMIN_TOKENS": "", "API_AUTH": ""}, False),
    ],
)
def test_tokens_are_asked_for_if_there_are_some_unless_it_is_said_outright(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], is_on: bool
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert Settings.load().auth_is_on == is_on


def test_authentication_without_a_token_is_refused_and_says_what_to_set() -> None:
    with pytest.raises(
        SettingsError, match=r"^API_AUTH=enable without a token: set WRITE_TOKENS, READ_TOKENS or ADMIN"
    ):
        Settings.load(api_auth="enable")


@pytest.mark.parametrize("given", [{}, {"api_auth": "disable"}, {"api_auth": "disable", "read_tokens": TOKEN}])
def test_a_rate_limit_without_authentication_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(
        SettingsError, match=r"^RATE_LIMIT counts the requests of each token, and authentication is off"
    ):
        Settings.load(rate_limit="10/minute", **given)


@pytest.mark.parametrize("limit", ["", "1/second", "1000/minute", "5000000/day"])
def test_a_rate_limit_is_so_many_requests_in_a_unit_of_time(limit: str) -> None:
    assert Settings.load(rate_limit=limit, read_tokens=TOKEN).rate_limit == limit


def test_the_db_variables_make_a_mongodb_url() -> None:
    settings = Settings.load(db_host="db.example", db_port=27018, db_user="me@home", db_pass="p:s/w?")

    assert settings.mongo_url == "mongodb://me%40home:p%3As%2Fw%3F@db.example:27018/"


def test_a_mongodb_url_may_name_the_members_of_a_replica_set() -> None:
    url = "mongodb://me:p%40ss@a.example,b.example:27018,c.example/?replicaSet=rs0&authSource=admin"

    assert Settings.load(mongodb_url=url).mongo_url == url


def test_mongodb_url_stands_over_the_db_variables() -> None:
    settings = Settings.load(mongodb_url="mongodb://other/", db_host="db.example", db_user="me")

    assert settings.mongo_url == "mongodb://other/"


def test_the_queue_is_where_broker_url_says() -> None:
    assert not Settings.load(broker_url="amqp://rabbit.example").queue_is_on_redis
    assert Settings.load(broker_url="").queue_is_on_redis


def test_streams_must_lie_beside_the_feed() -> None:
    here = Settings.load(redis_url="redis://one:6379/0", broker_url="redisstreams://one:6379/0")

    assert here.queue_is_on_redis
    with pytest.raises(SettingsError, match="BROKER_URL: redisstreams:// must name the server of REDIS_URL"):
        Settings.load(redis_url="redis://one:6379/0", broker_url="redisstreams://two:6379/0")


def test_one_body_fits_into_the_memory_for_bodies() -> None:
    exact = Settings.load(max_body_bytes=2048, bodies_max_bytes=2048)

    assert exact.bodies_max_bytes == 2048
    with pytest.raises(SettingsError, match=r"^BODIES_MAX_BYTES=2047: is less than MAX_BODY_BYTES$"):
        Settings.load(max_body_bytes=2048, bodies_max_bytes=2047)


def test_counters_are_persisted_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_BUCKET", "ours")
    Settings.load()
    monkeypatch.setenv("GCS_BUCKET", "theirs")

    with pytest.raises(SettingsError, match=r"^S3_BUCKET and GCS_BUCKET are both set"):
        Settings.load()
