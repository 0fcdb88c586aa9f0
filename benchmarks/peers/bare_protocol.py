"""A protocol on uvloop that waits for a body and does nothing with it: the most that a lane in Python could answer."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import uvloop

ANSWER = b"HTTP/1.1 201 Created\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"
LENGTH = b"Content-Length: "


class Bare(asyncio.Protocol):
    """Takes it that a request comes alone."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, end, body = self._read.partition(b"\r\n\r\n")
        if end and len(body) >= int(head.partition(LENGTH)[2].partition(b"\r\n")[0]):
            self._read = b""
            self._transport.write(ANSWER)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(os.environ["PORT"])))
