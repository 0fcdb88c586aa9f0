"""GET /ready, which anybody may ask: what is wrong in words, and where a server is in the log alone."""

from __future__ import annotations

import pytest

from api.about import Freshness
from coinslot.errors import Halted, StoreUnavailable
from coinslot.web import Check, create_flask, health

WORDS = "The store cannot be reached, or refuses what it is asked; try again later."


def failing(*troubles: str) -> Check:
    """A store's check, of which the driver says one after the other; empty: all is well."""
    left = list(troubles)

    def check() -> None:
        if trouble := left.pop(0):
            raise StoreUnavailable(f"MongoDB: {trouble}") from OSError(trouble)

    return check


def ready(check: Check, times: int = 1) -> tuple[int, str]:
    """Status and body of /ready with this check, when asked the last time."""
    app = create_flask("test")
    app.register_blueprint(health({"store": check}))
    *_, last = [app.test_client().get("/ready") for _ in range(times)]
    return last.status_code, last.text


def test_where_a_server_is_that_does_not_answer_is_told_to_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    answer = ready(failing("10.1.2.3:27017: refused"))

    assert answer == (503, f'{{"ready":false,"checks":{{"store":"{WORDS}"}}}}')
    assert caplog.messages == ["not ready: store: MongoDB: 10.1.2.3:27017: refused"]


def test_what_coinslot_says_itself_is_told(caplog: pytest.LogCaptureFixture) -> None:
    def halted() -> None:
        raise Halted("halted: at least 200 events died of late")

    assert ready(halted) == (503, '{"ready":false,"checks":{"store":"halted: at least 200 events died of late"}}')
    assert caplog.messages == []


def test_however_often_it_is_asked_the_log_tells_the_same_once(caplog: pytest.LogCaptureFixture) -> None:
    ready(failing("refused", "refused", "refused", "timed out", "", "timed out"), times=6)

    assert caplog.messages == [f"not ready: store: MongoDB: {what}" for what in ("refused", "timed out", "timed out")]


@pytest.mark.parametrize(
    ("events_ms", "analytics_ms", "late"),
    [
        (None, None, []),
        (90_000, 40_000, []),  # as old as it may be
        (39_999, None, ["events"]),
        (None, 39_999, ["analytics"]),
        (0, 0, ["events", "analytics"]),
    ],
)
def test_each_queue_is_named_whose_oldest_event_has_waited_for_too_long(
    events_ms: int | None, analytics_ms: int | None, late: list[str]
) -> None:
    oldest_ms = {"events": lambda: events_ms, "analytics": lambda: analytics_ms}

    status, body = ready(Freshness(oldest_ms, clock=lambda: 100.0, max_age_s=60))

    assert status == (503 if late else 200)
    assert [queue for queue in oldest_ms if f"oldest event in the queue of {queue} has waited" in body] == late


def test_what_nobody_foresaw_is_no_answer_in_words() -> None:
    def broken() -> None:
        raise ValueError("10.1.2.3")

    status, body = ready(broken)

    assert status == 500
    assert "10.1.2.3" not in body
