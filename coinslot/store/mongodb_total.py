"""How many events there are, in constant time."""

from __future__ import annotations

import time
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import ExecutionTimeout

CHECK_EVERY_S = 10.0
DOUBT_EVERY_S = 60.0
COUNT_TIMEOUT_MS = 3_000  # about six million events; where there are more, MongoDB's figure has to do


class Total:
    """MongoDB's own figure, corrected: it is written to disk once a minute, and after a crash it stays wrong.

    So it is held against a count of the index once for each start of a server and each election of a primary, and the
    difference is kept: it is another on each member of a replica set. While events come in, the difference is only as
    certain as what came in during the count; it is then measured again, every CHECK_EVERY_S at most, until it was
    measured in a quiet moment.

    MongoDB's figure stops at 0 where it is too low and events are removed, as a TTL index or another process may do
    at any time. So while events are missing from it, the difference is measured every DOUBT_EVERY_S.
    """

    def __init__(self, events: Collection[dict[str, Any]]) -> None:
        self._events = events
        self._missing = 0
        self._measured_on: object = None  # the source for which `_missing` is certain
        self._measured_at: tuple[object, float] = (None, 0.0)  # the one it was last measured on, and when

    def __call__(self) -> int:
        """Raises pymongo's errors."""
        estimate = self._events.estimated_document_count()
        source = _source(self._events.database.client)
        if self._is_due(source):
            return self._measure(source)
        return estimate + self._missing

    def doubt(self) -> None:
        """Events were removed: the difference is measured at the next call, if events are missing from the figure."""
        if self._missing > 0:
            self._measured_on, self._measured_at = None, (None, 0.0)

    def _is_due(self, source: object) -> bool:
        measured_on, at = self._measured_at
        if measured_on != source:
            return True
        age_s = time.monotonic() - at
        if source != self._measured_on:
            return age_s >= CHECK_EVERY_S
        return self._missing > 0 and age_s >= DOUBT_EVERY_S

    def _measure(self, source: object) -> int:
        self._measured_at = (source, time.monotonic())
        before = self._events.estimated_document_count()
        try:
            counted = self._events.count_documents({}, hint="_id_", maxTimeMS=COUNT_TIMEOUT_MS)
        except ExecutionTimeout:
            return before + self._missing
        after = self._events.estimated_document_count()
        self._missing = counted - after
        if before == after:
            self._measured_on = source
        return counted


def _source(client: MongoClient[dict[str, Any]]) -> object:
    """Where the figure comes from: the process id that a server gives itself at its start, and the primary's election.

    Without the election, a member that is elected again would pass for measured, with what is missing on another.
    """
    for server in client.topology_description.server_descriptions().values():
        if server.is_writable and server.topology_version:
            return server.topology_version["processId"], server.election_id
    return None
