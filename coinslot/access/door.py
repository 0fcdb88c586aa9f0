"""The door: who may ask for what, and how often. Refusals are {"error": {"what": text}}; but a 401 is {"error": text}
to clients of the Kimball API, as they know it.

    401  no token, or one that is not known; WWW-Authenticate: Bearer
    403  a token of another kind than is needed
    429  a token that has asked too often; Retry-After

Where requests are counted, the answers tell RateLimit-Limit, -Remaining and -Reset
(draft-ietf-httpapi-ratelimit-headers-06). Not X-RateLimit-*: there Reset is a time of day to some; here it is seconds,
as Retry-After is.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, time

import msgspec

from coinslot import redisclient
from coinslot.access.permission import is_v0, needed
from coinslot.access.rate import Count, RateLimit
from coinslot.access.tokens import Bearer, Tokens
from coinslot.errors import CoinslotError
from coinslot.keys import Keys
from coinslot.settings import Settings

COUNT_TIMEOUT_S = 0.25

Headers = list[tuple[str, str]]


class Denied(CoinslotError):
    """The request is refused; its body need not be read. `status` is a status line.

    error: what stands under `error`; by default an object.
    """

    def __init__(self, status: str, what: str, headers: Headers, error: object = None) -> None:
        super().__init__(what)
        self.status = status
        self.body = msgspec.json.encode({"error": error or {"what": what}})
        self.headers = [*headers, ("Content-Type", "application/json"), ("Content-Length", str(len(self.body)))]


class Door:
    """Lets requests in, or raises Denied.

    bearer_of: whose token an Authorization header holds. count: counts a request of a bearer, named by its id; it may
    wait for Redis, up to COUNT_TIMEOUT_S a call of it. None: nothing is counted.
    """

    def __init__(
        self, bearer_of: Callable[[str], Bearer | None], count: Callable[[str], Count | None] | None = None
    ) -> None:
        self._bearer_of = bearer_of
        self._count = count

    def admit(self, method: str, path: str, authorization: str) -> Bearer | None:
        """Whose request it is; None where everybody may ask, or nobody's requests are counted."""
        kind = needed(method, path)
        if kind == "nothing":
            return None
        bearer = self._bearer_of(authorization)
        if bearer is None:
            what = "Missing or invalid authorization header"
            error = what if is_v0(path) else None
            raise Denied("401 Unauthorized", what, [("WWW-Authenticate", "Bearer")], error)
        if kind not in bearer.may:
            raise Denied("403 Forbidden", f"this needs a token of the kind: {kind}", [])
        return bearer if self._count else None

    def count(self, bearer: Bearer) -> Headers:
        """What the answer is to tell of the limit; nothing where Redis could not count."""
        count = self._count(bearer.id) if self._count else None
        if count is None:
            return []
        headers = [
            ("RateLimit-Limit", str(count.limit)),
            ("RateLimit-Remaining", str(count.remaining)),
            ("RateLimit-Reset", str(count.reset_s)),
        ]
        if not count.allowed:
            what = f"more requests than this token may make; try again in {count.reset_s} s"
            raise Denied("429 Too Many Requests", what, [*headers, ("Retry-After", str(count.reset_s))])
        return headers


def create_door(settings: Settings) -> Door | None:
    """None where authentication is off. Nothing connects before the first request is counted."""
    if not settings.auth_is_on:
        return None
    tokens = Tokens(read=settings.read_tokens, write=settings.write_tokens, admin=settings.admin_tokens)
    if not settings.rate_limit:
        return Door(tokens.bearer)
    client = redisclient.connect(settings.redis_url, timeout_s=COUNT_TIMEOUT_S)
    key = Keys.of(settings.key_prefix).rate
    return Door(tokens.bearer, RateLimit(client, key, settings.rate_limit, monotonic, time))
