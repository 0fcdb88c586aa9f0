"""Runs a web app: one process, uvicorn on uvloop (docs/decisions/0006-web-servers.md)."""

from coinslot.server.deadlines import BODY_BYTES, BODY_S, UNREAD_S, Deadlines
from coinslot.server.runner import Create, Opening, Site, Stopping, main

__all__ = ["BODY_BYTES", "BODY_S", "UNREAD_S", "Create", "Deadlines", "Opening", "Site", "Stopping", "main"]
