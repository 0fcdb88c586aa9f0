"""The first page: what it explains, and that it needs nothing from elsewhere."""

from __future__ import annotations

import re

import pytest

from tests.pipeline import Pipeline


def get(stack: Pipeline, path: str) -> tuple[int, str, str]:
    response = stack.http.request("GET", f"{stack.url}{path}")
    return response.status, response.headers["Content-Type"], response.data.decode()


def test_the_page_explains_every_route_at_the_address_it_was_asked_at(stack: Pipeline) -> None:
    status, content_type, page = get(stack, "/")

    assert status == 200
    assert content_type.startswith("text/html")
    for route in ("", "/count", "/last", "/stream"):
        assert f"curl {stack.url}/wsapi/interaction_data{route}" in page.replace("curl -N", "curl")


def test_the_page_tells_the_limits(stack: Pipeline) -> None:
    _, _, page = get(stack, "/")

    assert "1.0 MiB an event" in page
    assert "50,000 events" in page


def test_the_page_loads_nothing_from_elsewhere_and_what_it_links_is_there(stack: Pipeline) -> None:
    _, _, page = get(stack, "/")

    links = [link for link in re.findall(r'(?:src|href)="([^"]+)"', page) if link != "data:,"]

    assert "limits" in links
    assert {get(stack, f"/{link}")[0] for link in links} == {200}


def test_the_page_holds_no_code_of_its_own_so_that_a_strict_policy_may_forbid_it(stack: Pipeline) -> None:
    _, _, page = get(stack, "/")

    assert re.findall(r"<script[^>]*>([^<]+)</script>|<style| on[a-z]+=| style=", page) == []


@pytest.mark.parametrize("script", ["live.js", "coinslot.js"])
def test_scripts_are_served_as_such(stack: Pipeline, script: str) -> None:
    status, content_type, _ = get(stack, f"/static/{script}")

    assert status == 200
    assert content_type.startswith("text/javascript")
