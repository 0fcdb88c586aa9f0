"""The Python client: `from coinslot import Client`."""

from coinslot.client.answers import (
    Change,
    DeadLetter,
    DeadLetterPage,
    ErasurePart,
    FeedGap,
    Refused,
    Rejection,
    Saved,
    Unavailable,
)
from coinslot.client.client import DEFAULT_URL, Client

__all__ = [
    "DEFAULT_URL",
    "Change",
    "Client",
    "DeadLetter",
    "DeadLetterPage",
    "ErasurePart",
    "FeedGap",
    "Refused",
    "Rejection",
    "Saved",
    "Unavailable",
]
