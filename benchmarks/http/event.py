"""What is posted: the typical event of the contract, one sign-in, in 431 bytes."""

from __future__ import annotations

import json
from typing import NamedTuple
from urllib.parse import quote

SIGN_IN = {
    "timestamp": 1333046104322,
    "event_stream": [
        ["picker", 732],
        ["picker::change", 1700],
        ["picker::signin", 2300],
        ["assertion_generation", 2500],
        ["certified", 3300],
        ["assertion_generated", 4500],
        ["complete", 4632],
    ],
    "email_type": "secondary",
    "number_emails": 3,
    "new_account": False,
    "language": "en_US",
    "number_sites_logged_in": 1,
    "screen_size": {"width": 640, "height": 480},
    "sample_rate": 1.0,
    "user_agent": {"os": "TestOS", "browser": "Foo", "version": "42"},
}
EVENT = json.dumps(SIGN_IN, separators=(",", ":"))
LINES = 500


class Body(NamedTuple):
    """A request's body with its media type, and how many events it holds."""

    text: str
    media: str
    events: int = 1


JSON = Body(EVENT, "application/json")
FORM = Body("data=" + quote(EVENT, safe="!'()*~"), "application/x-www-form-urlencoded")  # as encodeURIComponent does
NDJSON = Body(f"{EVENT}\n" * LINES, "application/x-ndjson", LINES)
