"""Runs a web app: one process, uvicorn on uvloop (docs/decisions/0006-web-servers.md)."""

from coinslot.server.deadlines import BODY_BYTES, Deadlines, Patience
from coinslot.server.runner import Create, Opening, Site, Stopping, main

__all__ = ["BODY_BYTES", "Create", "Deadlines", "Opening", "Patience", "Site", "Stopping", "main"]
