"""Which kind of token a request needs."""

from __future__ import annotations

import pytest

from coinslot.access.permission import ROWS, is_v0, needed

EVENTS = "/wsapi/interaction_data"
V0 = [
    f"/v0/{name}" for name in ["analytics", "goals", "namespaces", "predictions", "nudges", "features", "featureSpecs"]
]
METRICS = ["/metrics", "/metrics/counters", "/metrics/predictions"]


@pytest.mark.parametrize(
    "path", ["/", "/alive", "/ready", "/limits", "/openapi.json", "/wsapi/ping", "/static/coinslot.js", "/static/a/b"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_says_nothing_of_events_is_open(method: str, path: str) -> None:
    assert needed(method, path) == "nothing"


@pytest.mark.parametrize(
    "path", [EVENTS, f"{EVENTS}/count", f"{EVENTS}/last", f"{EVENTS}/stream", "/audit", *V0, *METRICS, "/api-docs"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reading_and_following_needs_a_read_token(method: str, path: str) -> None:
    assert needed(method, path) == "read"


@pytest.mark.parametrize("path", [EVENTS, "/v0/analytics", "/v0/goals"])
def test_posting_events_and_making_goals_needs_a_write_token(path: str) -> None:
    assert needed("POST", path) == "write"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/erasures"),
        ("POST", "/erasures/count"),
        ("GET", "/dead-letters"),
        ("GET", "/dead-letters/1-0"),
        ("POST", "/dead-letters/1-0"),
        ("DELETE", "/dead-letters/1-0"),
        ("DELETE", EVENTS),
        ("PUT", EVENTS),
        ("OPTIONS", EVENTS),
        ("POST", f"{EVENTS}/stream"),
        ("POST", "/static/coinslot.js"),
        ("POST", "/"),
        ("POST", "/v0/featureSpecs"),
        ("POST", "/v0/predictions"),
        ("DELETE", "/v0/analytics"),
        ("GET", "/v0/"),
    ],
)
def test_erasing_dead_letters_and_all_else_needs_an_admin_token(method: str, path: str) -> None:
    assert needed(method, path) == "admin"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/a/route/that/was/forgotten"),
        ("GET", ""),
        ("GET", "/static"),
        ("GET", "/staticky"),
        ("GET", "//static/coinslot.js"),
        ("GET", "/dead-letters/../alive"),
        ("GET", "/alive/"),
        ("GET", "/Alive"),
        ("GET", "/alive%2f"),
        ("GET", f"{EVENTS}/"),
        ("get", "/alive"),
    ],
)
def test_positive_control_what_is_not_in_the_table_is_shut(method: str, path: str) -> None:
    assert needed(method, path) == "admin"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/dead-letters"),
        ("HEAD", "/dead-letters"),
        ("GET", "/dead-letters/1700000000000-0"),
        ("POST", "/dead-letters/1700000000000-0/replay"),
        ("DELETE", "/dead-letters/1700000000000-0"),
        ("POST", "/dead-letters/resume"),
    ],
)
def test_dead_letters_stand_in_no_row_and_so_are_the_admins(method: str, path: str) -> None:
    assert not any(route.startswith("/dead-letters") for _, _, paths in ROWS for route in paths)
    assert needed(method, path) == "admin"


@pytest.mark.parametrize("path", [*V0, *METRICS, "/api-docs", "/v0/", "/v0/nothing", "/v0/a\nb", "/metrics/nothing"])
def test_on_its_own_paths_the_clients_of_the_kimball_api_are_told_as_they_know_it(path: str) -> None:
    assert is_v0(path)


@pytest.mark.parametrize("path", ["/", "", EVENTS, "/audit", "/v0", "/v1/goals", "/metrics2", "/api-docs/", "/a/v0/b"])
def test_elsewhere_they_are_not(path: str) -> None:
    assert not is_v0(path)
