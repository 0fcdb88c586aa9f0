"""Whom to look at: what the environment names, and beside it the stack that runs in DATA_DIR."""

from __future__ import annotations

from typing import NamedTuple

from coinslot.client import DEFAULT_URL
from coinslot.doctor.finding import Finding, ok, untold
from coinslot.settings import Settings
from coinslot.stack import environment


class Subject(NamedTuple):
    """`url` is where the front should be; `findings` say where settings come from if not from the environment."""

    settings: Settings
    url: str
    findings: list[Finding]


def find(url: str | None) -> Subject:
    """`url`: that of the front, if it was given. Raises SettingsError."""
    named = Settings.load()
    file = named.data_dir / environment.FILE
    try:
        told = environment.read(named.data_dir)
    except OSError as error:
        finding = untold("stack", f"{file}: {error.strerror}", "run this as the user of that stack")
        return Subject(named, url or DEFAULT_URL, [finding])
    if not told:
        return Subject(named, url or DEFAULT_URL, [])
    if told.get("API_AUTH") != "disable":
        told.pop("HOST", None)  # wherever it listens, it asks for tokens, and those are not told
    adopted = {name: value for name, value in told.items() if _is_open(name, named)}
    settings = Settings.load(**{name.lower(): value for name, value in adopted.items()})
    finding = ok("stack", f"`coinslot up` says what it runs in {file}: {', '.join(adopted)}")
    return Subject(settings, url or told.get("COINSLOT_URL", DEFAULT_URL), [finding])


def _is_open(name: str, named: Settings) -> bool:
    """Whether the environment leaves this setting to the stack."""
    if name == "MONGODB_URL" and named.names_mongodb:
        return False
    return name.lower() in Settings.model_fields and name.lower() not in named.model_fields_set
