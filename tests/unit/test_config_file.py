"""The file that COINSLOT_CONFIG names: what it sets, what stands over it, and how what is wrong in it is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from coinslot.analytics.settings import CounterRule, Target
from coinslot.errors import SettingsError
from coinslot.settings import SECRET, Settings

README = Path(__file__).parents[2] / "README.md"
TOKEN, SECRETS = "a-token-0123456789", "s3cr3t-0123456789"
Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Write:
    """Writes the file, which a variable then names; no other variable is set."""

    def write(text: str | bytes) -> Path:
        path = tmp_path / "coinslot.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        monkeypatch.setenv("COINSLOT_CONFIG", str(path))
        return path

    for name in Settings.names():
        monkeypatch.delenv(name.upper(), raising=False)
    return write


def test_it_sets_what_variables_set(write: Write) -> None:
    write(f"""
        port = 3100
        bank_analytics = true
        persist_every_s = 2.5
        data_dir = "/var/lib/coinslot"
        cors_origins = ["https://a.example", "https://b.example"]
        additional_namespaces = "a, b"
        write_tokens = ["{TOKEN}"]
        [[counters]]
        pattern = "^visit:"
        date_cohort = "weekly"
        [[counters]]
        type = "bloom_fixed_size"
        size = 5_000
        [[external_grpc_event_targets]]
        name = "warehouse"
        host = "10.0.0.7"
        port = 50051
    """)

    settings = Settings.load()

    assert (settings.port, settings.bank_analytics, settings.persist_every_s) == (3100, True, 2.5)
    assert settings.data_dir == Path("/var/lib/coinslot")
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.additional_namespaces == ("a", "b")
    assert settings.write_tokens == (TOKEN,)
    assert settings.counters == (
        CounterRule(pattern="^visit:", date_cohort="weekly"),
        CounterRule(type="bloom_fixed_size", size=5_000),
    )
    assert settings.external_grpc_event_targets == (Target(name="warehouse", host="10.0.0.7", port=50051),)


def test_variables_stand_over_it_and_overrides_over_both(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write('port = 1\nsite_name = "file"\ncluster_name = "file"\n[[counters]]\npattern = "file"')
    monkeypatch.setenv("SITE_NAME", "variable")
    monkeypatch.setenv("CLUSTER_NAME", "")
    monkeypatch.setenv("PORT", "2")
    monkeypatch.setenv("COUNTERS", '[{"pattern": "variable"}]')

    settings = Settings.load(port=3)

    assert (settings.port, settings.site_name, settings.cluster_name) == (3, "variable", "file")
    assert [rule.pattern for rule in settings.counters] == ["variable"]


@pytest.mark.parametrize(
    ("variables", "file", "port"),
    [
        ({"API_PORT": "1", "PORT": "2"}, "", 1),
        ({"API_PORT": "", "PORT": "2"}, "", 2),
        ({"PORT": "2"}, "api_port = 3", 2),
        ({}, "api_port = 3\nport = 4", 3),
        ({}, "port = 4", 4),
        ({}, "", 3000),
    ],
)
def test_the_port_goes_by_two_names(
    write: Write, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], file: str, port: int
) -> None:
    write(file)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert Settings.load().port == port


def test_a_service_that_the_file_names_is_used(write: Write) -> None:
    write('redis_url = "redis://one:6379/0"\ndb_host = "db.example"')

    settings = Settings.load()

    assert settings.names_redis
    assert settings.names_mongodb


RULE = "[[counters]]\n[[counters]]\n"
BAD: dict[str, tuple[str | bytes, str]] = {
    "no TOML": ("port = ", "is not TOML: Invalid value (at end of document)"),
    "a name twice": ("port = 1\nport = 2\n", "is not TOML: Cannot overwrite a value (at line 2, column 9)"),
    "no UTF-8": (b'site_name = "\xff"', "is not UTF-8 at byte 13"),
    "nested without end": ("counters = " + "[" * 5_000, "is nested too deep"),
    "a name that is no setting": ("countrs = 1", "'countrs' is no setting; perhaps counters"),
    "a variable's name": ("PORT = 1", "'PORT' is no setting"),
    "another file": ('coinslot_config = "b.toml"', "'coinslot_config' is no setting"),
    "a port": ("port = 99999", "port=99999: Input should be less than or equal to 65535"),
    "the other port": ("api_port = -1", "api_port=-1: Input should be greater than or equal to 0"),
    "rules that are no list": ("[counters]", "counters: is no array"),
    "a rule that is none": ("counters = [1]", "counters number 1=1: is no table"),
    "a type": (RULE + 'type = "exact"', "counters number 2: type='exact': Input should be 'bloom_scalable' or"),
    "a cohort": (RULE + 'date_cohort = "daily"', "counters number 2: date_cohort='daily': Input should be '' or"),
    "no size": (RULE + "size = 0", "counters number 2: size=0: Input should be greater than or equal to 1"),
    "no error": (RULE + "error_probability = 0", "counters number 2: error_probability=0: Input should be greater"),
    "too large": (
        RULE + "size = 100_000_000\nerror_probability = 1e-6",
        "counters number 2: size=100000000 with error_probability=1e-06 takes a filter of more than 512 MiB",
    ),
    "a pattern": (RULE + 'pattern = "("', "counters number 2: pattern='(': is no regular expression: missing )"),
    "a setting below a table": (RULE + "port = 1", "counters number 2: port=1: is not known here"),
    "a target without a port": (
        '[[external_grpc_event_targets]]\nname = "a"\nhost = "b"',
        "external_grpc_event_targets number 1: port: is missing",
    ),
    "a token": (f'write_tokens = ["{TOKEN}", "short"]', "write_tokens: number 2: a token is 16 or more of"),
    "a token that is a number": ("read_tokens = [12345678901234567]", "read_tokens number 1: Input should be a valid"),
    "a URL": (f'redis_url = "http://:{SECRETS}@h"', "redis_url: does not begin with redis://"),
}


@pytest.mark.parametrize(("text", "told"), BAD.values(), ids=BAD)
def test_what_is_wrong_in_it_is_told_in_one_line_with_its_place(write: Write, text: str | bytes, told: str) -> None:
    path = write(text)

    with pytest.raises(SettingsError) as caught:
        Settings.load()

    assert str(caught.value).startswith(f"{path}: {told}")
    assert "\n" not in str(caught.value)
    assert not any(secret in str(caught.value) for secret in (TOKEN, SECRETS, "short", "12345678901234567"))


@pytest.mark.parametrize("name", SECRET)
def test_what_may_be_secret_is_not_shown(write: Write, name: str) -> None:
    write(f'{name} = {{ secret = "{SECRETS}" }}')

    with pytest.raises(SettingsError, match=rf"coinslot\.toml: {name}: ") as caught:
        Settings.load()

    assert SECRETS not in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"COUNTERS": '[{"size": 0}]'}, "COUNTERS number 1: size=0: Input should be greater"),
        ({"COUNTERS": "[{"}, "COUNTERS='[{': is not JSON: "),
        ({"PORT": "x"}, "PORT='x': "),
        ({"API_PORT": "x", "PORT": "1"}, "API_PORT='x': "),
    ],
)
def test_a_bad_variable_is_not_blamed_on_the_file(
    write: Write, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    write("port = 1\n[[counters]]")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        Settings.load()

    assert str(caught.value).startswith(told)


@pytest.mark.parametrize(("there", "told"), [(False, "No such file or directory"), (True, "Is a directory")])
def test_a_file_that_cannot_be_read_is_named(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: bool, told: str
) -> None:
    path = tmp_path / "folder"
    if there:
        path.mkdir()
    monkeypatch.setenv("COINSLOT_CONFIG", str(path))

    with pytest.raises(SettingsError) as caught:
        Settings.load()

    assert str(caught.value) == f"COINSLOT_CONFIG={str(path)!r}: {told}"


def test_the_readmes_example_is_one(write: Write) -> None:
    example = README.read_text().partition("<!-- config -->\n```toml\n")[2].partition("```")[0]
    write(example)

    settings = Settings.load()

    assert settings.site_name == "paris"
    assert len(settings.counters) == len(settings.external_grpc_event_targets) == 1
