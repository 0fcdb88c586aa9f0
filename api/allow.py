"""What a path takes that is not api's: its POSTs are ingest's, behind the same port."""

from __future__ import annotations

from flask import Blueprint, Response, request


def allow_posts(routes: Blueprint, path: str) -> None:
    """Name POST, too, wherever an answer says what `path` takes (405, OPTIONS)."""

    @routes.after_app_request
    def allow(response: Response) -> Response:
        if request.path == path and response.allow:
            response.allow.add("POST")
        return response
