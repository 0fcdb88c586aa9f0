"""The page of the OpenAPI document: all of it is there, it needs nothing from elsewhere, and runs nothing."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import api.app
from api import docs
from api.about import limits
from api.openapi.document import create_document
from coinslot import web
from coinslot.settings import Settings

DOCUMENT = create_document(limits(Settings.load()), auth_is_on=True)
UNCLOSED = {"meta", "link", "!doctype"}


class Page(HTMLParser):
    """What a page is made of; fails on a tag that is closed in the wrong place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.labels: list[str] = []
        self.names: set[str] = set()
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            self.names.add(name)
            for of, into in (("id", self.ids), ("href", self.links), ("aria-labelledby", self.labels)):
                if name == of:
                    into.append(value or "")
        if tag not in UNCLOSED:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def get(document: dict[str, Any] = DOCUMENT, accept: str = "text/html", path: str = "/api-docs") -> Any:
    app = web.create_flask("api")
    app.template_folder = str(Path(api.app.__file__).parent / "templates")
    app.register_blueprint(docs.blueprint(document))
    return app.test_client().get(path, headers={"Accept": accept})


@pytest.fixture(scope="module")
def text() -> str:
    response = get()
    assert (response.status_code, response.content_type) == (200, "text/html; charset=utf-8")
    found: str = response.text
    return found


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_every_operation_with_its_parameters_and_answers_is_on_it(text: str, page: Page) -> None:
    for path, of in DOCUMENT["paths"].items():
        for method, operation in of.items():
            assert f"<code>{method.upper()} {path}</code>" in text
            assert operation["operationId"] in page.ids
            article = text.partition(f'<h3 id="{operation["operationId"]}">')[2].partition("</article>")[0]
            assert [status for status in operation["responses"] if f"<dt>{status}</dt>" not in article] == []
            names = [parameter["$ref"].split("/")[-1] for parameter in operation.get("parameters", ())]
            for name in names:
                assert f"<code>{DOCUMENT['components']['parameters'][name]['name']}</code>" in article


def test_every_schema_is_on_it_and_every_link_leads_somewhere(page: Page) -> None:
    assert {f"schema-{name}" for name in DOCUMENT["components"]["schemas"]} <= set(page.ids)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert {link for link in page.links if not link.startswith("#")} == {"data:,", "static/style.css", "openapi.json"}


def test_it_can_be_read_aloud(page: Page) -> None:
    assert set(page.labels) <= set(page.ids)
    assert max(Counter(page.ids).values()) == 1
    assert page.tags["main"] == page.tags["h1"] == page.tags["nav"] == 1


def test_it_runs_nothing_so_that_a_strict_policy_may_forbid_it(page: Page) -> None:
    assert page.tags["script"] == page.tags["style"] == page.tags["img"] == page.tags["iframe"] == 0
    assert [name for name in page.names if name == "style" or name.startswith("on")] == []


def test_nothing_of_the_document_is_taken_for_markup() -> None:
    hostile = create_document(limits(Settings.load()), auth_is_on=True)
    evil = "<script>alert(1)</script> `<b>`"
    hostile["info"]["description"] = hostile["tags"][0]["description"] = evil
    hostile["paths"]["/limits"]["get"]["description"] = evil
    hostile["components"]["schemas"]["Evil"] = {
        "type": "object",
        "description": evil,
        "properties": {evil: {"const": evil, "description": evil}, "b": {"type": evil}},
        "examples": [evil],
    }

    text = get(hostile).text

    assert "<script" not in text
    assert "<b>" not in text
    assert text.count("alert(1)") == 9


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        ("application/json", True),
        ("text/html;q=0.5, application/json", True),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("*/*", False),
        ("", False),
        ("image/png", False),
    ],
)
def test_who_accepts_json_rather_than_a_page_gets_the_document(accept: str, is_json: bool) -> None:
    response = get(accept=accept)

    assert response.headers["Vary"] == "Accept"
    assert response.is_json == is_json
    assert not is_json or response.json["paths"].keys() == DOCUMENT["paths"].keys()


def test_without_tokens_it_speaks_of_none() -> None:
    text = get(create_document(limits(Settings.load()), auth_is_on=False)).text

    assert re.search(r"Needs \w+ rights", text) is None
    assert re.search(r"Needs \w+ rights", get().text)
