"""Where a follower wants to begin; the same for the Flask view and the stream lane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.frames import Frames, frames_for
from api.query import parse_number
from coinslot.changes import parse_cursor


@dataclass(frozen=True, slots=True)
class FollowRequest:
    """`after`: a change's cursor; else `start`: a timestamp to begin at among what is stored; else only what comes."""

    after: str | None
    start: int | float | None
    frames: Frames


def parse_follow(args: Mapping[str, str], accept: str, last_event_id: str) -> FollowRequest:
    """Last-Event-ID stands over ?after=: a browser that reconnects sends it along with its first URL.

    Raises BadQuery or BadCursor, also for what does not matter beside another.
    """
    cursors = [parse_cursor(text) for text in (last_event_id, args.get("after", "")) if text]
    start = parse_number(args, "start")
    return FollowRequest(cursors[0] if cursors else None, None if cursors else start, frames_for(accept))
