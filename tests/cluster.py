"""A Kubernetes API server that knows ConfigMaps, over TLS, and the service account of a pod that may use it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

from tests.canned import serving

PREFIX = "/api/v1/namespaces/"
MERGES = ("application/merge-patch+json", "application/strategic-merge-patch+json")


@dataclass
class Cluster:
    """`maps`: ConfigMaps by namespace and name; a namespace that is not in it does not exist. `faults`: what requests
    of a method and namespace are answered with, one after another, before anything is done. `asked`: what came."""

    port: int
    service_account: Path
    maps: dict[str, dict[str, Any]]
    faults: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def token(self) -> Path:
        return self.service_account / "token"


@contextmanager
def cluster(folder: Path, *namespaces: str) -> Iterator[Cluster]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    authority.cert_pem.write_to_path(folder / "ca.crt")
    (folder / "token").write_text("a-service-account's-token")
    server.cluster = Cluster(server.server_port, folder, {name: {} for name in namespaces})  # type: ignore[attr-defined]
    with serving(server):
        yield server.cluster  # type: ignore[attr-defined]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_PATCH(self) -> None:
        self._do(self._patch)

    def do_POST(self) -> None:
        self._do(self._create)

    def _do(self, act: Any) -> None:
        known: Cluster = self.server.cluster  # type: ignore[attr-defined]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        namespace, _, rest = self.path.removeprefix(PREFIX).partition("/configmaps")
        known.asked.append(f"{self.command} {namespace}{rest}")
        faults = known.faults.get((self.command, namespace), [])
        if self.headers["Authorization"] != f"bearer {known.token.read_text()}":
            self._answer(401, {})
        elif faults and (status := faults.pop(0)):
            self._answer(status, {})
        elif namespace not in known.maps:
            self._answer(404, {})
        else:
            act(known.maps[namespace], rest.removeprefix("/"), body)

    def _patch(self, maps: dict[str, Any], name: str, body: dict[str, Any]) -> None:
        if self.headers["Content-Type"] not in MERGES:
            self._answer(415, {})
        elif name not in maps:
            self._answer(404, {})
        else:
            maps[name]["data"] = {**maps[name].get("data", {}), **body["data"]}
            self._answer(200, maps[name])

    def _create(self, maps: dict[str, Any], _: str, body: dict[str, Any]) -> None:
        name = body["metadata"]["name"]
        if name in maps:
            self._answer(409, {})
        else:
            maps[name] = body
            self._answer(201, body)

    def _answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: the test's own output is what matters."""
