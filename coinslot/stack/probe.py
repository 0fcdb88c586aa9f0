"""Asks the web front whether it can serve."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException

PROBE_TIMEOUT_S = 0.5
ANSWER_MAX_BYTES = 2000
HALTED = '"dead_letters":"halted'  # of GET /ready: it takes a front that runs to end a halt
LOOPBACK_OF = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # every address: ask on the nearest


class FrontProbe:
    """`url` is where the front listens, `nearest_url` where it is asked.

    `answer` is what was heard last, to explain why it is not ready.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = LOOPBACK_OF.get(host, host)
        self.url, self.nearest_url = _url(host, port), _url(self._host, port)
        self.answer = "not asked yet"
        self._port = port

    def is_ready(self) -> bool:
        connection = HTTPConnection(self._host, self._port, timeout=PROBE_TIMEOUT_S)
        try:
            connection.request("GET", "/ready")
            response = connection.getresponse()
            body = response.read(ANSWER_MAX_BYTES).decode(errors="replace").strip()
        except (OSError, HTTPException) as error:
            self.answer = str(error) or type(error).__name__
            return False
        finally:
            connection.close()
        self.answer = f"{response.status} {body}"
        return response.status == 200 or HALTED in body


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
