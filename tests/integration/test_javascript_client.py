"""The JavaScript client under Node: against a whole Coinslot, and against a server that fails."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.canned import Answer, canned
from tests.pipeline import Pipeline

NODE = shutil.which("node")
CLIENT = Path(__file__).parents[2] / "api" / "static" / "coinslot.js"

pytestmark = pytest.mark.skipif(NODE is None, reason="there is no node on PATH: the JavaScript client is not tested")

BEGIN = """
import { API, FeedGap, Refused, Unavailable } from "./coinslot.mjs";
const url = new URL(process.argv[2]);
const api = new API(url.hostname, Number(url.port));
const changes = [];
const errors = [];
api.on("change", (event, cursor) => changes.push({ event, cursor }));
api.on("error", (error) => errors.push(error.constructor.name));
const until = async (ask) => { while (!(await ask())) await new Promise((resolve) => setTimeout(resolve, 10)); };
const tell = (value) => console.log(JSON.stringify(value));
"""


def run(folder: Path, url: str, script: str) -> Any:
    """What the script tells; it has `api`, `changes`, `errors` and `until`, and must come to an end by itself."""
    shutil.copy(CLIENT, folder / "coinslot.mjs")
    (folder / "script.mjs").write_text(BEGIN + script)
    assert NODE
    done = subprocess.run([NODE, folder / "script.mjs", url], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_five_verbs_work_with_promises(stack: Pipeline, tmp_path: Path) -> None:
    told = run(
        tmp_path,
        stack.url,
        """
        await api.followChanges();
        const id = await api.saveData({ timestamp: 100, name: "Zoë" });
        await until(() => changes.length);
        const range = await api.fetchRange({ start: 100, end: 100 });
        tell({ id, change: changes[0], range, counts: typeof await api.count() });
        api.close();
        """,
    )

    event = {"_id": told["id"], "timestamp": 100, "name": "Zoë"}
    assert told["change"]["event"] == event
    assert told["range"] == [event]
    assert told["counts"] == "number"


def test_the_verbs_work_with_callbacks_as_in_the_original_library(stack: Pipeline, tmp_path: Path) -> None:
    told = run(
        tmp_path,
        stack.url,
        """
        api.followChanges();
        api.saveData({ timestamp: 200 }, (error) => {
          until(() => api.fetchRange({ start: 200, end: 200 }).then((events) => events.length)).then(() => {
            api.fetchRange({ start: 200, end: 200 }, (error2, range) => {
              api.fetchRange((error3, all) => {
                api.count((error4, count) => {
                  tell({ errors: [error, error2, error3, error4], range: range.length, same: all.length === count });
                  api.close();
                });
              });
            });
          });
        });
        """,
    )

    assert told == {"errors": [None] * 4, "range": 1, "same": True}


def test_a_refusal_says_what_is_wrong_to_whoever_asks(stack: Pipeline, tmp_path: Path) -> None:
    told = run(
        tmp_path,
        stack.url,
        """
        const byPromise = await api.saveData({ time: 1 }).catch((error) => error);
        api.saveData({ time: 1 }, (byCallback) => tell({
          refused: [byPromise instanceof Refused, byCallback instanceof Refused],
          events: byPromise.events,
        }));
        """,
    )

    assert told == {"refused": [True, True], "events": [{"index": 0, "reason": "timestamp is missing"}]}


def test_following_goes_on_after_a_cursor_and_from_a_timestamp(stack: Pipeline, tmp_path: Path) -> None:
    told = run(
        tmp_path,
        stack.url,
        """
        const far = 9e15;
        const timestamps = () => changes.map(({ event }) => event.timestamp - far);
        await api.followChanges();
        for (const n of [0, 1, 2]) await api.saveData({ timestamp: far + n });
        await until(() => changes.length === 3);
        const after = changes[0].cursor;
        const later = new API(url.href);
        later.on("change", (event, cursor) => changes.push({ event, cursor }));
        await later.followChanges({ after });
        await until(() => changes.length === 5);
        const stored = new API(url.href);
        stored.on("change", (event, cursor) => changes.push({ event, cursor }));
        await stored.followChanges({ start: far + 1 });
        await until(() => changes.length === 7);
        tell(timestamps());
        for (const each of [api, later, stored]) each.close();
        """,
    )

    assert told == [0, 1, 2, 1, 2, 1, 2]


@pytest.mark.parametrize("failure", [Answer(status=503, headers={"Retry-After": "0"}), Answer(status=0)])
def test_a_save_is_tried_again_with_the_same_id(tmp_path: Path, failure: Answer) -> None:
    accepted = Answer(b'{"accepted":1,"ids":["a"]}', 201)

    with canned(failure, accepted) as server:
        told = run(tmp_path, server.url, "tell(await api.saveData({ timestamp: 1 }));")

    first, second = server.requests
    assert told == "a"
    assert b'"_id"' in first.body
    assert second.body == first.body


def test_nothing_but_201_is_a_success(tmp_path: Path) -> None:
    with canned(Answer(b'{"accepted":1,"ids":["a"]}', 200)) as server:
        told = run(
            tmp_path, server.url, "api.saveData({ timestamp: 1 }, (error, id) => tell([error.status, id ?? null]));"
        )

    assert told == [200, None]


def test_a_lost_stream_goes_on_after_the_last_change_and_a_gap_is_told(tmp_path: Path) -> None:
    begin = b"id: 1-0\nevent: cursor\ndata: {}\n\n"
    gap = b'event: gap\nid: 7-0\ndata: {"after":"2-0","oldest":"7-0"}\n\n'

    with canned(
        Answer(begin + b': ping\n\nid: 2-0\ndata: {"timestamp":2}\n\nid: 3-0\ndata: {"times', then="break"),
        Answer(gap + b'id: 8-0\ndata: {"timestamp":8}\n\n', then="silence"),
    ) as server:
        told = run(
            tmp_path,
            server.url,
            """
            await api.followChanges();
            await until(() => changes.length === 2);
            tell({ cursors: changes.map(({ cursor }) => cursor), errors });
            api.close();
            """,
        )

    assert told == {"cursors": ["2-0", "8-0"], "errors": ["Unavailable", "FeedGap"]}
    assert server.requests[1].query == {"after": "2-0"}


def test_what_is_no_cursor_ends_following_and_is_told(stack: Pipeline, tmp_path: Path) -> None:
    told = run(
        tmp_path,
        stack.url,
        """
        const error = await api.followChanges({ after: "yesterday" }).catch((error) => error);
        tell({ errors, status: error.status });
        """,
    )

    assert told == {"errors": ["Refused"], "status": 400}


def test_a_faulty_listener_is_not_taken_for_a_lost_connection(tmp_path: Path) -> None:
    stream = b'id: 1-0\nevent: cursor\ndata: {}\n\nid: 2-0\ndata: {"timestamp":2}\n\n'

    with canned(Answer(stream, then="silence")) as server:
        told = run(
            tmp_path,
            server.url,
            """
            api.on("change", () => { throw new Error("mine"); });
            process.on("uncaughtException", ({ message }) => {
              tell({ message, errors });
              api.close();
            });
            api.followChanges();
            """,
        )

    assert told == {"message": "mine", "errors": []}


TOKEN = "a-token-0123456789"


def test_the_token_goes_with_every_request_in_its_header_alone(tmp_path: Path) -> None:
    begun = b"id: 1-0\nevent: cursor\ndata: {}\n\n"
    accepted = Answer(b'{"accepted":1,"ids":["a"]}', 201)

    with canned(accepted, Answer(b"[]"), Answer(b"0"), Answer(begun, then="silence")) as server:
        run(
            tmp_path,
            server.url,
            f"""
            const mine = new API(url.href, undefined, {{ token: "{TOKEN}" }});
            await mine.saveData({{ timestamp: 1 }});
            await mine.fetchRange();
            await mine.count();
            await mine.followChanges();
            mine.close();
            tell(null);
            """,
        )

    assert [request.headers["authorization"] for request in server.requests] == [f"Bearer {TOKEN}"] * 4
    assert not any(TOKEN in f"{request.path}{request.query}{request.body!r}" for request in server.requests)


def test_what_cannot_be_a_token_is_refused_and_not_repeated(tmp_path: Path) -> None:
    told = run(
        tmp_path,
        "http://127.0.0.1:1",
        """
        const tries = ["with space", "line\\nbreak", "späte"];
        tell(tries.map((token) => {
          try { return new API("127.0.0.1", 1, { token }); } catch ({ message }) { return message; }
        }));
        """,
    )

    assert told == ["this cannot be a token"] * 3


def test_a_save_beyond_the_rate_limit_is_tried_again_with_the_same_id(tmp_path: Path) -> None:
    limited = Answer(b'{"error":{"what":"too many"}}', 429, {"Retry-After": "0"})
    accepted = Answer(b'{"accepted":1,"ids":["a"]}', 201)

    with canned(limited, accepted) as server:
        told = run(tmp_path, server.url, "tell(await api.saveData({ timestamp: 1 }));")

    assert told == "a"
    assert server.requests[0].body == server.requests[1].body


@pytest.mark.parametrize("status", [401, 403])
def test_a_missing_or_wrong_token_is_told_at_once_and_not_tried_again(tmp_path: Path, status: int) -> None:
    refused = Answer(b'{"error":{"what":"who are you"}}', status)

    with canned(refused, refused) as server:
        told = run(
            tmp_path,
            server.url,
            """
            const saving = await api.saveData({ timestamp: 1 }).catch((error) => error);
            const following = await api.followChanges().catch((error) => error);
            tell({ statuses: [saving.status, following.status], what: saving.message, errors });
            """,
        )

    assert told == {"statuses": [status, status], "what": f"who are you ({status})", "errors": ["Refused"]}
    assert len(server.requests) == 2
