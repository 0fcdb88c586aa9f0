"""The Python client against a whole Coinslot, and against a server that fails in the ways a real one may."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import islice

import pytest

from coinslot import Client
from coinslot.client import FeedGap, Refused, Rejection, Unavailable
from coinslot.errors import CoinslotError
from tests.canned import Answer, canned
from tests.pipeline import Pipeline, until

ACCEPTED = Answer(b'{"accepted":1,"ids":["a"]}', 201)
BUSY = Answer(b'{"error":{"what":"the backlog is full"}}', 503, {"Retry-After": "0"})
LOST = Answer(status=0)


@pytest.fixture
def client(stack: Pipeline) -> Iterator[Client]:
    with Client(stack.url) as client:
        yield client


def timestamps(client: Client, start: float, end: float) -> list[float]:
    return [event["timestamp"] for event in client.fetch_range(start, end)]


# Against a whole Coinslot. Each test keeps to timestamps of its own.


def test_a_saved_event_is_fetched_as_it_was_with_the_id_that_save_returned(client: Client) -> None:
    event = {"timestamp": 1333046104322, "screen_size": {"width": 640}, "rate": 1.0, "name": "Zoë"}

    id = client.save(event)
    until(lambda: client.count(1333046104322, 1333046104322))

    assert list(client.fetch_range(1333046104322, 1333046104322)) == [{"_id": id, **event}]


def test_an_event_saved_twice_with_one_id_is_stored_once(client: Client) -> None:
    ids = [client.save({"timestamp": 100, "_id": "mine"}) for _ in range(2)]
    client.save({"timestamp": 101})
    until(lambda: client.count(101, 101))

    assert ids == ["mine", "mine"]
    assert timestamps(client, 100, 100) == [100]


def test_one_bad_event_refuses_all_and_says_which(client: Client) -> None:
    with pytest.raises(Refused) as raised:
        client.save_many([{"timestamp": 200}, {"time": 200}])

    assert raised.value.status == 400
    assert raised.value.events == [Rejection(1, "timestamp is missing")]


def test_skip_bad_saves_the_good_and_says_which_were_bad(client: Client) -> None:
    saved = client.save_many([{"timestamp": 300}, {"time": 300}, {"timestamp": 301}], skip_bad=True)
    until(lambda: client.count(300, 301) == 2)

    assert len(saved.ids) == 2
    assert saved.rejected == [Rejection(1, "timestamp is missing")]


def test_a_range_includes_its_ends_and_can_be_turned_round_and_limited(client: Client) -> None:
    client.save_many({"timestamp": 400 + n} for n in range(6))
    until(lambda: client.count(400, 405) == 6)

    last = [event["timestamp"] for event in client.fetch_range(401, 404, limit=3, descending=True)]

    assert timestamps(client, 401, 404) == [401, 402, 403, 404]
    assert last == [404, 403, 402]


def test_a_limit_is_reached_although_the_server_cuts_pages_of_large_events_short(client: Client) -> None:
    for first in (500, 506):
        client.save_many({"timestamp": first + n, "padding": "x" * 1_000_000} for n in range(6))
    until(lambda: client.count(500, 511) == 12)

    fetched = [event["timestamp"] for event in client.fetch_range(500, 511, limit=11)]

    assert fetched == list(range(500, 511))


def test_the_ledger_balances(client: Client) -> None:
    client.save({"timestamp": 600})
    until(lambda: client.audit()["queued"] == 0)

    ledger = client.audit()

    assert ledger["balanced"] is True
    assert ledger["accepted"] == ledger["stored"] + ledger["duplicate"] + ledger["dead"]


def test_what_is_saved_after_follow_has_returned_is_not_missed(client: Client) -> None:
    changes = client.follow()

    id = client.save({"timestamp": 700})

    assert next(changes).event == {"_id": id, "timestamp": 700}


def test_following_goes_on_after_a_cursor(client: Client) -> None:
    changes = client.follow()
    client.save_many({"timestamp": 800 + n} for n in range(3))
    seen = next(changes)
    changes.close()

    rest = [change.event["timestamp"] for change in islice(client.follow(after=seen.cursor), 2)]

    assert seen.event["timestamp"] == 800
    assert rest == [801, 802]


def test_following_from_a_timestamp_begins_with_what_is_stored_and_goes_on_live(client: Client) -> None:
    far = 9_000_000_000_000_000  # beyond what other tests have stored
    client.save_many({"timestamp": far + n} for n in range(2))
    until(lambda: client.audit()["queued"] == 0)  # fed as well as stored: else they may come from both

    changes = client.follow(start=far)
    client.save({"timestamp": far + 2})
    first, second, third = islice(changes, 3)

    assert [change.event["timestamp"] - far for change in (first, second, third)] == [0, 1, 2]
    assert (first.cursor, second.cursor) == (None, None)
    assert third.cursor is not None


def test_a_follower_outlives_the_server_and_misses_nothing(stack: Pipeline, client: Client) -> None:
    changes = client.follow()
    client.save({"timestamp": 900})
    before = next(changes)

    stack.front.kill()
    stack.front.start()
    stack.wait_up(stack.url)
    client.save({"timestamp": 901})

    assert before.event["timestamp"] == 900
    assert next(changes).event["timestamp"] == 901


def test_closing_the_client_ends_a_follower_that_waits_in_another_thread(stack: Pipeline) -> None:
    client = Client(stack.url)
    changes = client.follow()
    seen: list[object] = []
    waiting = threading.Thread(target=lambda: seen.extend(changes))
    waiting.start()

    client.close()
    waiting.join(10)

    assert not waiting.is_alive()
    assert seen == []


def test_what_is_no_cursor_is_refused(client: Client) -> None:
    with pytest.raises(Refused, match="cursor"):
        client.follow(after="yesterday")


# Against a server that fails.


@pytest.mark.parametrize("failure", [BUSY, LOST, Answer(status=502), Answer(b'{"acc', 201, then="break")])
def test_a_save_is_tried_again_with_the_same_id(failure: Answer) -> None:
    with canned(failure, ACCEPTED) as server, Client(server.url) as client:
        client.save({"timestamp": 1})

    first, second = server.requests
    assert b'"_id"' in first.body
    assert second.body == first.body


def test_a_server_that_stays_busy_is_tried_so_often_and_no_more() -> None:
    with (
        canned(*[BUSY] * 9) as server,
        Client(server.url, retries=3) as client,
        pytest.raises(Unavailable, match="the backlog is full"),
    ):
        client.save({"timestamp": 1})

    assert len(server.requests) == 4


def test_the_servers_wish_when_to_come_back_is_heeded() -> None:
    later = Answer(status=503, headers={"Retry-After": "1"})

    began = time.monotonic()
    with canned(later, ACCEPTED) as server, Client(server.url) as client:
        client.save({"timestamp": 1})

    assert time.monotonic() - began >= 1


def test_a_refusal_is_not_tried_again() -> None:
    with (
        canned(Answer(b'{"error":{"what":"too large"}}', 413)) as server,
        Client(server.url) as client,
        pytest.raises(Refused, match=r"too large \(413\)"),
    ):
        client.save({"timestamp": 1})

    assert len(server.requests) == 1


def test_nothing_but_201_says_that_an_event_was_accepted() -> None:
    answer = Answer(ACCEPTED.body, 200)

    with canned(answer) as server, Client(server.url) as client, pytest.raises(Refused, match="only 201"):
        client.save({"timestamp": 1})


def test_a_server_of_another_kind_is_told_from_coinslot() -> None:
    answer = Answer(b"<h1>Welcome to nginx!</h1>")

    with canned(answer) as server, Client(server.url) as client, pytest.raises(CoinslotError, match="as Coinslot does"):
        client.count()


@pytest.mark.parametrize("event", [{"timestamp": float("nan")}, {"timestamp": 1, "at": object()}])
def test_what_json_cannot_say_is_never_sent(event: dict[str, object]) -> None:
    with canned() as server, Client(server.url) as client, pytest.raises((ValueError, TypeError)):
        client.save(event)

    assert server.requests == []


def test_a_range_is_handed_out_as_it_comes() -> None:
    with canned(Answer(b'{"timestamp":1}\n{"timestamp":2}\n', then="silence")) as server, Client(server.url) as client:
        events = list(islice(client.fetch_range(), 2))

    assert [event["timestamp"] for event in events] == [1, 2]


def test_a_range_that_breaks_off_does_not_pass_for_whole() -> None:
    with canned(Answer(b'{"timestamp":1}\n', then="break")) as server, Client(server.url) as client:
        events = client.fetch_range()
        first = next(events)
        with pytest.raises(Unavailable, match="broke off"):
            next(events)

    assert first == {"timestamp": 1}


def test_a_range_that_ends_in_the_middle_of_a_line_does_not_pass_for_whole_either() -> None:
    with canned(Answer(b'{"timestamp":1}\n{"error":')) as server, Client(server.url) as client:
        events = client.fetch_range()
        first = next(events)
        with pytest.raises(Unavailable, match="broke off"):
            next(events)

    assert first == {"timestamp": 1}


def test_a_gap_ends_following_or_is_passed_over() -> None:
    gap = b'event: gap\nid: 7-0\ndata: {"after":"1-0","oldest":"7-0"}\n\nid: 8-0\ndata: {"timestamp":8}\n\n'

    with canned(Answer(gap, then="silence"), Answer(gap, then="silence")) as server, Client(server.url) as client:
        with pytest.raises(FeedGap) as raised:
            next(client.follow("1-0"))
        change = next(client.follow("1-0", skip_gaps=True))

    assert (raised.value.after, raised.value.oldest) == ("1-0", "7-0")
    assert change.cursor == "8-0"


def test_closing_the_client_ends_a_wait_to_try_again() -> None:
    failures: list[Exception] = []

    def save(client: Client) -> None:
        try:
            client.save({"timestamp": 1})
        except Unavailable as error:
            failures.append(error)

    with canned(Answer(status=503, headers={"Retry-After": "60"})) as server:
        client = Client(server.url)
        waiting = threading.Thread(target=save, args=(client,))
        waiting.start()
        until(lambda: server.requests)
        client.close()
        waiting.join(10)

    assert not waiting.is_alive()
    assert len(failures) == 1


@pytest.mark.parametrize("url", ["localhost:3000", "ftp://127.0.0.1", "http://", "http://[::1"])
def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an http"):
        Client(url)


TOKEN = "a-token-0123456789"


def test_the_token_goes_with_every_request_in_its_header_alone() -> None:
    begun = Answer(b"event: cursor\nid: 1-0\ndata: {}\n\n", then="silence")

    with canned(ACCEPTED, Answer(b""), Answer(b"0"), begun) as server:
        client = Client(server.url, token=TOKEN)
        client.save({"timestamp": 1})
        list(client.fetch_range())
        client.count()
        client.follow()
        client.close()

    assert [request.headers["authorization"] for request in server.requests] == [f"Bearer {TOKEN}"] * 4
    assert server.requests[0].headers["content-type"] == "application/x-ndjson"
    assert not any(TOKEN in f"{request.path}{request.query}{request.body!r}" for request in server.requests)


@pytest.mark.parametrize("bad", ["short", "with space 0123456789", "line\nbreak-0123456789", "späte-0123456789"])
def test_what_cannot_be_a_token_is_refused_and_not_repeated(bad: str) -> None:
    with pytest.raises(ValueError, match="a token is") as raised:
        Client(token=bad)

    assert bad not in str(raised.value)


def test_a_request_beyond_the_rate_limit_is_tried_again_when_the_server_says() -> None:
    limited = Answer(b'{"error":{"what":"too many"}}', 429, {"Retry-After": "0"})

    with canned(limited, ACCEPTED) as server, Client(server.url) as client:
        id = client.save({"timestamp": 1})

    assert id == "a"
    assert server.requests[0].body == server.requests[1].body


def test_without_retries_a_request_beyond_the_rate_limit_is_unavailable_and_says_until_when() -> None:
    limited = Answer(b'{"error":{"what":"too many"}}', 429, {"Retry-After": "7"})

    with canned(limited) as server, Client(server.url, retries=0) as client, pytest.raises(Unavailable) as raised:
        client.count()

    assert raised.value.retry_after_s == 7


@pytest.mark.parametrize("status", [401, 403])
def test_a_missing_or_wrong_token_is_refused_and_not_tried_again(status: int) -> None:
    refused = Answer(b'{"error":{"what":"who are you"}}', status)

    with canned(refused, refused) as server, Client(server.url) as client:
        with pytest.raises(Refused, match=rf"^who are you \({status}\)$"):
            client.count()
        with pytest.raises(Refused):
            client.follow()

    assert len(server.requests) == 2
