"""What is posted: the typical event of the contract, one sign-in, in 431 bytes."""

from __future__ import annotations

import json
from typing import NamedTuple
from urllib.parse import quote

from api.openapi.schemas import SIGN_IN

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
