"""A user, as the filters know one: two numbers of 52 bits, and no way back to the id."""

from __future__ import annotations

import xxhash

HALF_BITS = 52  # Lua's numbers are exact up to 2**53
_HALF = (1 << HALF_BITS) - 1


def halves(user_id: str) -> tuple[int, int]:
    """Of XXH3's 128 bits, which are the same on every machine and in every version; filters live as long as that."""
    digest = xxhash.xxh3_128_intdigest(user_id.encode())
    return digest & _HALF, digest >> (128 - HALF_BITS)
