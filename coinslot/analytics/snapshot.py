"""What is persisted: of a counter all that Redis holds of it at one moment, of a namespace its goals. An object each.

An object is FORMAT, then zstd with a checksum, of a MessagePack map: `type`, and the fields of one of these.
"""

from __future__ import annotations

import hashlib
import sys

import msgspec

from coinslot.analytics import record
from coinslot.errors import SnapshotDamaged

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FORMAT = b"coinslot counters 1\n"
IDENTITY = "identity"  # of an object in each place, of random text: it goes along when a place is copied

_PACKING: dict[int, int] = {zstd.CompressionParameter.compression_level: 1, zstd.CompressionParameter.checksum_flag: 1}


class CounterSnapshot(msgspec.Struct, frozen=True, tag="counter"):
    """Values are as they lie in Redis, drawn in lua/count.lua. `last_number`: of all counters, when this was read."""

    namespace: str
    field: str
    record: bytes
    layers: tuple[bytes, ...]
    singles: dict[bytes, bytes]
    sets: dict[bytes, bytes]
    last_number: int

    @property
    def number(self) -> int:
        return record.decode(self.record).number


class GoalsSnapshot(msgspec.Struct, frozen=True, tag="goals"):
    """Names of events, also of those that no counter has counted yet."""

    namespace: str
    goals: tuple[bytes, ...]


Snapshot = CounterSnapshot | GoalsSnapshot

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Snapshot).decode


def name_of(snapshot: Snapshot) -> str:
    """The object's name: a hash, for the names that people give are of any length and any characters."""
    if isinstance(snapshot, GoalsSnapshot):
        return f"goals/{_hash(snapshot.namespace)}"
    return f"counters/{_hash(snapshot.namespace, snapshot.field)}"


def is_ours(name: str) -> bool:
    return name.startswith(("goals/", "counters/"))


def pack(snapshot: Snapshot) -> bytes:
    return FORMAT + zstd.compress(_encode(snapshot), options=_PACKING)


def unpack(name: str, content: bytes) -> Snapshot:
    """The reverse. Raises SnapshotDamaged where this is not, as a whole, what was once put under this name."""
    if not content.startswith(FORMAT):
        raise _damaged(name, f"it does not begin with {FORMAT.decode().strip()!r}")
    try:
        snapshot = _decode(zstd.decompress(content[len(FORMAT) :]))
        if isinstance(snapshot, CounterSnapshot) and len(snapshot.layers) != len(record.decode(snapshot.record).layers):
            raise _damaged(name, "its filter is not as its record says")
    except (zstd.ZstdError, msgspec.MsgspecError) as error:
        raise _damaged(name, error) from error
    if name_of(snapshot) != name:
        raise _damaged(name, f"it is of another name, {name_of(snapshot)}")
    return snapshot


def _damaged(name: str, why: object) -> SnapshotDamaged:
    return SnapshotDamaged(
        f"what was persisted as {name} cannot be read: {why}. Nothing is counted until it has been put right, or moved "
        "away, which begins that counter anew"
    )


def _hash(*names: str) -> str:
    return hashlib.sha256(_encode(names)).hexdigest()
