"""Runs a web app: one process, uvicorn on uvloop (docs/decisions/0006-web-servers.md)."""

from coinslot.server.deadlines import Deadlines
from coinslot.server.runner import Create, Opening, Site, Stopping, main

__all__ = ["Create", "Deadlines", "Opening", "Site", "Stopping", "main"]
