"""The specs of feature flags, as they are sent, kept and answered: {"featureSpecs": [spec, ...]}.

spec       {"name", "boolean", "rollout_start", "rollout_end", "user": [condition, ...]}; all but `name` may be absent
           or null. Times are RFC 3339.
condition  {"property", "comparator": "=" or "in", "value"}: text, a number, a boolean or null; for `in` a list of them

What else stands in a spec is passed over and kept: it comes back as it was sent.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, NamedTuple

import msgspec

from coinslot.analytics.counter import MAX_NAME_CHARACTERS
from coinslot.errors import BadFeatures
from coinslot.match import Scalar

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_CHARACTERS)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Condition(msgspec.Struct, frozen=True):
    """Holds for a user who has the property with this value, or with one of these."""

    property: str
    comparator: Literal["=", "in"]
    value: Scalar | list[Scalar | None] | None

    def __post_init__(self) -> None:
        if isinstance(self.value, list) != (self.comparator == "in"):
            raise ValueError("comparator `in` takes a list of values, and `=` takes one value")


class Spec(msgspec.Struct, frozen=True):
    """A feature flag. An end without a start is a rollout at one moment: nobody before it, everybody from it on."""

    name: Name
    boolean: bool | None = None
    rollout_start: Moment | None = None
    rollout_end: Moment | None = None
    user: tuple[Condition, ...] | None = None

    def __post_init__(self) -> None:
        if self.rollout_start is None:
            return
        if self.rollout_end is None:
            raise ValueError("rollout_start without a rollout_end")
        if self.rollout_start > self.rollout_end:
            raise ValueError("rollout_start is after rollout_end")


class _Checked(msgspec.Struct):
    featureSpecs: tuple[Spec, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for place, spec in enumerate(self.featureSpecs):
            if spec.name in seen:  # an answer has room for one of each name
                raise ValueError(f"the name of featureSpecs[{place}] is there twice")
            seen.add(spec.name)


class _Kept(msgspec.Struct):
    featureSpecs: tuple[msgspec.Raw, ...]


class FeatureSpecs(NamedTuple):
    """All specs. `document`: their JSON, UTF-8."""

    document: bytes
    specs: tuple[Spec, ...]


NONE = FeatureSpecs(b'{"featureSpecs":[]}', ())

_checked = msgspec.json.Decoder(_Checked).decode
_kept = msgspec.json.Decoder(_Kept).decode


def parse(document: bytes) -> FeatureSpecs:
    """Raises BadFeatures, saying what is wrong and where."""
    try:
        document.decode()  # what is passed over is not looked at otherwise
        specs = _checked(document).featureSpecs
        return FeatureSpecs(msgspec.json.encode(_kept(document)), specs)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadFeatures(f'not {{"featureSpecs": [spec, ...]}}: {error}') from None
