"""A small server that speaks as much of Google Cloud Storage's XML API as a place needs."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from coinslot.ports import LOOPBACK

PAGE = 3  # entries of a listing: few, so that tests see several pages
AT = "2026-11-24T12:00:00.000Z"


class FakeGcs:
    """One bucket at `url`. `objects` are its objects by name, in memory; while `broken`, all is answered with 500."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self.objects: dict[str, bytes] = {}
        self.broken = False
        self._server = ThreadingHTTPServer((LOOPBACK, 0), type("Handler", (Handler,), {"gcs": self}))
        self._server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def account(self, folder: Path) -> Path:
        """The file of a service account that leads here, without a sign-in."""
        path = folder / "account.json"
        path.write_text(
            json.dumps(
                {
                    "gcs_base_url": self.url,
                    "disable_oauth": True,
                    "client_email": "",
                    "private_key": "",
                    "private_key_id": "",
                }
            )
        )
        return path

    def listing(self, prefix: str, after: str) -> bytes:
        names = [name for name in sorted(self.objects) if name.startswith(prefix) and name > after]
        entries = "".join(
            f"<Contents><Key>{escape(name)}</Key><LastModified>{AT}</LastModified><ETag>x</ETag>"
            f"<Size>{len(self.objects[name])}</Size></Contents>"
            for name in names[:PAGE]
        )
        more = f"<NextContinuationToken>{escape(names[PAGE - 1])}</NextContinuationToken>" if names[PAGE:] else ""
        return f"<ListBucketResult>{entries}{more}</ListBucketResult>".encode()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    gcs: FakeGcs
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        bucket, name, query = self._target()
        if self.gcs.broken or bucket != self.gcs.bucket:
            self._refuse()
        elif not name:
            self._answer(200, self.gcs.listing(query.get("prefix", ""), query.get("continuation-token", "")))
        elif name in self.gcs.objects:
            self._answer(200, self.gcs.objects[name])
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        bucket, name, _ = self._target()
        if self.gcs.broken or bucket != self.gcs.bucket:
            return self._refuse()
        self.gcs.objects[name] = content
        return self._answer(200)

    def do_DELETE(self) -> None:
        bucket, name, _ = self._target()
        if self.gcs.broken or bucket != self.gcs.bucket:
            return self._refuse()
        known = self.gcs.objects.pop(name, None)
        return self._answer(204 if known is not None else 404)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _target(self) -> tuple[str, str, dict[str, str]]:
        parts = urlsplit(self.path)
        bucket, _, name = parts.path.removeprefix("/").partition("/")
        return unquote(bucket), unquote(name), {key: values[0] for key, values in parse_qs(parts.query).items()}

    def _refuse(self) -> None:
        if self.gcs.broken:
            self._answer(500)
        else:
            self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"x"')
        self.send_header("Last-Modified", "Tue, 24 Nov 2026 12:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)
