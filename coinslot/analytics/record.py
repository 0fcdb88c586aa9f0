"""A counter as it lies in Redis and in what is persisted: MessagePack, written by lua/count.lua."""

from __future__ import annotations

import msgspec

MOSTLY_ERRORS = 0.5  # the same as in lua/count.lua


class Layer(msgspec.Struct):
    """Part of a filter: drawn in lua/filter.lua."""

    m: int
    block_bits: int
    k: int
    capacity: int
    kept: int
    bits: int


class Record(msgspec.Struct):
    """`error` is the share of users who are taken for known at capacity, of all layers together."""

    number: int
    count: int
    scalable: bool
    error: float
    layers: list[Layer]
    sum: float | None = None

    @property
    def is_saturated(self) -> bool:
        """Whether it takes nobody any more: it is a fixed filter, and most who come are taken for known."""
        layer = self.layers[0]
        return not self.scalable and (layer.bits / layer.m) ** layer.k >= MOSTLY_ERRORS


decode = msgspec.msgpack.Decoder(Record).decode
