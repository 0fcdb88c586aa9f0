"""GET /api-docs: the OpenAPI document, as JSON for those who accept that rather than a page, and else as a page.

The page is made of the document alone: it holds no script, and loads nothing but the style sheet beside it.
"""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request

from api.openapi import Json, page
from coinslot.media import JSON
from coinslot.web import json_response

PATH = "/api-docs"
HTML = "text/html"


def blueprint(document: Json) -> Blueprint:
    routes = Blueprint("docs", __name__)
    for name, of in page.FILTERS.items():
        routes.add_app_template_filter(of, name)

    @routes.get(PATH)
    def docs() -> Response:
        wants_json = request.accept_mimetypes.best_match([HTML, JSON], default=HTML) == JSON
        response = json_response(document) if wants_json else make_response(_page(document))
        response.headers["Vary"] = "Accept"
        return response

    return routes


def _page(document: Json) -> str:
    return render_template(
        "api-docs.html",
        info=document["info"],
        openapi=document["openapi"],
        groups=page.groups(document),
        schemas=document["components"]["schemas"],
    )
