"""Tokens, which say who may do what. Only their SHA-256 digests are kept, and compared without telling how far."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

from coinslot.access.permission import Kind

MIN_CHARACTERS = 16
_B64TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, 2.1


class Bearer(NamedTuple):
    """Whoever sent a token. `id` is made of its digest: it names the token and does not give it away."""

    id: str
    may: frozenset[Kind]


def check_token(text: str) -> str:
    """Returns `text`; raises ValueError, which does not repeat it, if it cannot be a token."""
    if len(text) < MIN_CHARACTERS or not _B64TOKEN.fullmatch(text):
        raise ValueError(f"a token is {MIN_CHARACTERS} or more of A-Z a-z 0-9 - . _ ~ + /, and perhaps = at its end")
    return text


class Tokens:
    """The tokens that are known; one may be of several kinds."""

    def __init__(self, *, read: Iterable[str] = (), write: Iterable[str] = (), admin: Iterable[str] = ()) -> None:
        kinds: dict[bytes, set[Kind]] = {}
        _grant(kinds, read, "read")
        _grant(kinds, write, "write")
        _grant(kinds, admin, "read", "write", "admin")
        self._known = [(digest, Bearer(digest.hex()[:16], frozenset(may))) for digest, may in kinds.items()]

    def bearer(self, authorization: str) -> Bearer | None:
        """Whose token an Authorization header holds; None where it holds none, or one that is not known."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        digest = sha256(token.strip(" ").encode("latin-1", "replace")).digest()
        found = None
        for known, bearer in self._known:  # all of them, so that the time it takes tells nothing
            if compare_digest(known, digest):
                found = bearer
        return found


def _grant(kinds: dict[bytes, set[Kind]], tokens: Iterable[str], *may: Kind) -> None:
    for token in tokens:
        kinds.setdefault(sha256(token.encode()).digest(), set()).update(may)
