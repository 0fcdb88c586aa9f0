"""A POST as WSGI hands it over: its body is read, and its answer waited for. Flask's view."""

from __future__ import annotations

from ingest import body, formats
from ingest.answer import Answer, Refused
from ingest.body import Environ
from ingest.budget import Budget
from ingest.head import Head
from ingest.intake import Intake


class View:
    """Answers a POST; never raises."""

    def __init__(self, intake: Intake, budget: Budget, max_body_bytes: int) -> None:
        self._intake = intake
        self._budget = budget
        self._max_body_bytes = max_body_bytes

    def __call__(self, environ: Environ) -> Answer:
        media = formats.media_type(environ.get("CONTENT_TYPE", ""))
        try:
            with self._budget.share() as share:
                # Read even if it is to be refused: a server closes the connection under an answer to an unread body.
                sent = body.read(environ, self._max_body_bytes, share.hold)
                head = Head(media, sent.encoding, environ.get("QUERY_STRING", ""))
                return self._intake(head, sent.content, share.hold)
        except Refused as error:
            return self._intake.refuse(media, error)
