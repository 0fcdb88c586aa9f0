"""The file of settings: TOML, by their names in lower case. Environment variables stand over it."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from coinslot.errors import SettingsError

NAME = "coinslot_config"  # the setting that says where it is


def read(path: str, names: Collection[str]) -> dict[str, Any]:
    """What the file sets, not looked at any further; names: of all settings. Raises SettingsError, naming the file."""
    try:
        content = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{NAME.upper()}={path!r}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8 at byte {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is not TOML: {error}") from None
    except RecursionError:
        raise SettingsError(f"{path}: is nested too deep") from None
    known = [name for name in names if name != NAME]  # one file does not lead to another
    for name in content:
        if name not in known:
            similar = get_close_matches(name, known, 1)
            hint = f"; perhaps {similar[0]}" if similar else ""
            raise SettingsError(f"{path}: {name[:60]!r} is no setting{hint}")
    return content
