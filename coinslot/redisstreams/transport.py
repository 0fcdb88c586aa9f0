"""The kombu side: a virtual transport whose channel is one consumer of the streams' consumer group."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping, Sequence
from queue import Empty
from typing import Any

import redis
from kombu.transport import virtual

from coinslot import lua, redisclient
from coinslot.keys import GROUP, ledger_of
from coinslot.redisstreams.claims import Claims
from coinslot.redisstreams.entry import to_payload
from coinslot.redisstreams.putter import Putter
from coinslot.redisstreams.qos import QoS

BLOCK_S = 2.0  # longest wait for a message; the reader's socket timeout is longer
FIRST_READ_MESSAGES = 16
MAX_READ_MESSAGES = 50  # a bound also where small messages are followed by the largest
MAX_READ_BYTES = 4 * 1024 * 1024  # about: judged by the size of the messages of the read before


class Channel(virtual.Channel):  # type: ignore[misc]
    """A consumer of its own name. Publishing and consuming raise redis.RedisError and OSError.

    transport_options: `redis_url`; `timeout_s`, the socket timeout of a publish; `claim_idle_s`, `claim_every_s`;
    `in_order`, whether what is taken over is delivered oldest first.
    """

    QoS = QoS
    body_encoding = None  # a stream's field takes raw bytes
    from_transport_options = ("redis_url", "timeout_s", "claim_idle_s", "claim_every_s", "in_order")
    redis_url = "redis://127.0.0.1:6379/0"
    timeout_s = 1.0
    claim_idle_s = 30.0
    claim_every_s = 5.0
    in_order = False

    def __init__(self, connection: Any, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        self.consumer = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._redis = redisclient.connect(
            self.redis_url, timeout_s=self.timeout_s, connect_timeout_s=self.timeout_s / 2
        )
        self._reader = redisclient.connect(
            self.redis_url, timeout_s=BLOCK_S + self.timeout_s, connect_timeout_s=self.timeout_s / 2
        )
        self._putter = Putter(self._redis)
        self._declare_script = self._redis.register_script(lua.source("declare"))
        self._claims: dict[str, Claims] = {}
        self._read_messages = FIRST_READ_MESSAGES
        self._lost_a_reply = False  # Redis may have assigned us messages in it

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        self._putter.put(queue, message)

    def _get_many(self, queues: Sequence[str], timeout: float | None = None) -> None:
        """Deliver what there is, waiting for it up to `timeout` s; raises Empty."""
        try:
            self._adopt(queues)
            if not (self._redeliver(queues) or self._deliver_new(queues, timeout)):
                raise Empty
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            for queue in queues:  # Redis was emptied
                self._new_queue(queue)
            raise Empty from None
        except redisclient.Errors:
            self._lost_a_reply = True
            raise

    def _adopt(self, queues: Sequence[str]) -> None:
        if self._lost_a_reply:
            for queue in queues:
                self._claims_of(queue).adopt(self.qos.held())
            self._lost_a_reply = False

    def _redeliver(self, queues: Sequence[str]) -> bool:
        for queue in queues:
            claims = self._claims_of(queue)
            claims.sweep(self.qos.held)
            claimed = claims.redeliver()
            if claimed:
                self.connection._deliver(to_payload(queue, *claimed), queue)
                return True
        return False

    def _deliver_new(self, queues: Sequence[str], timeout: float | None) -> bool:
        wait_s = BLOCK_S if timeout is None else min(BLOCK_S, timeout)
        payloads = self._read(queues, self._read_messages, wait_s)
        for queue, payload in payloads:
            self.connection._deliver(payload, queue)
        if payloads:
            mean_bytes = max(1, sum(len(payload["body"]) for _, payload in payloads) // len(payloads))
            self._read_messages = max(1, min(MAX_READ_MESSAGES, MAX_READ_BYTES // mean_bytes))
        return bool(payloads)

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        for _, payload in self._read([queue], 1, wait_s=0):
            return payload
        raise Empty

    def _read(self, queues: Sequence[str], count: int, wait_s: float) -> list[tuple[str, dict[str, Any]]]:
        block_ms = max(1, int(wait_s * 1000)) if wait_s else None  # BLOCK 0 would wait for ever
        streams: Any = dict.fromkeys(queues, ">")
        answer: Any = self._reader.xreadgroup(GROUP, self.consumer, streams, count=count, block=block_ms)
        return [
            (name.decode(), to_payload(name.decode(), entry, deliveries=1))
            for name, entries in answer or ()
            for entry in entries
        ]

    def _claims_of(self, queue: str) -> Claims:
        if queue not in self._claims:
            self._claims[queue] = Claims(
                self._redis, queue, self.consumer, self.claim_idle_s, self.claim_every_s, in_order=self.in_order
            )
        return self._claims[queue]

    def deliver_abandoned(self) -> None:
        """One message that has to be taken over, if there is any."""
        self._redeliver(list(self._claims))

    def keep_claims(self) -> None:
        """Keep others from taking over what this consumer holds; call it several times within `claim_idle_s`."""
        for claims in self._claims.values():
            claims.keep(self.qos.held)

    def excuse(self) -> None:
        """Do not count the delivery of what this consumer holds."""
        for claims in self._claims.values():
            claims.excuse(self.qos.held())

    def abandon(self) -> None:
        """What this consumer holds is for others as soon as it counts as idle, and this delivery has counted."""
        self.qos.abandon()

    def reconnect(self) -> None:
        """Use new connections from now on; what this consumer holds stays its own."""
        redisclient.disconnect(self._redis)
        redisclient.disconnect(self._reader)

    def hand_back(self, held: Mapping[str, int]) -> None:
        # Not the active queues: closing cancels those first. A message that a queue does not know is passed over.
        for claims in self._claims.values():
            claims.hand_back(held)

    def acknowledge(self, queue: str, id: str) -> None:
        # No transaction: a full Redis begins none. In this order: a claim on what is not there ends of itself.
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.xdel(queue, id)
            pipeline.xack(queue, GROUP, id)
            pipeline.execute()

    def forget(self, delivery_tag: str) -> None:
        """The message was acknowledged by a script of the caller's (lua/settle.lua)."""
        self.qos.forget(delivery_tag)

    def _new_queue(self, queue: str, **_: Any) -> None:
        try:
            self._declare_script(keys=[queue, ledger_of(queue)], args=[GROUP, uuid.uuid4().hex])
        except redis.ResponseError as error:
            if not redisclient.is_out_of_memory(error):
                raise
            # It is there, or the next read finds that it is not; a full Redis must still be drained.

    def _size(self, queue: str) -> int:
        return int(self._redis.xlen(queue))

    def _purge(self, queue: str) -> int:
        size = self._size(queue)
        self._delete(queue)
        self._new_queue(queue)
        return size

    def _delete(self, queue: str, *_: Any, **__: Any) -> None:
        self._redis.delete(queue)

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._putter.close()
            self._redis.close()
            self._reader.close()


class Transport(virtual.Transport):  # type: ignore[misc]
    """`redisstreams://`. Which server is meant stands in the transport option `redis_url`."""

    Channel = Channel
    polling_interval = 0.0  # _get_many waits in Redis; sleeping on top of it would only delay
    driver_type = "redis"
    driver_name = "redisstreams"
    connection_errors = (*virtual.Transport.connection_errors, *redisclient.Errors)

    def driver_version(self) -> str:
        return str(redis.__version__)
