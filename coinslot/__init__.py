"""Coinslot: a self-hosted event bank. Programs need `from coinslot import Client`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coinslot.client import Client

    __version__: str

__all__ = ["Client", "__version__"]


def __getattr__(name: str) -> Any:
    # Looked up on first use: every server process imports this package and none of them needs an HTTP client.
    if name == "Client":
        from coinslot.client import Client

        return Client
    if name == "__version__":
        from importlib.metadata import version

        return version("coinslot")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
