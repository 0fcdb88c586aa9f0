"""The end of the queue that takes commits: ingest's."""

from __future__ import annotations

import kombu

from coinslot.errors import QueueUnavailable
from coinslot.queue.connector import Connector
from coinslot.queue.driver import CLOSE_TIMEOUT_S, BrokerErrors, Connect


class Publisher:
    """Publishes commits, one at a time; each in-flight commit needs a publisher of its own.

    timeout_s: of a publish; a connection is waited for half as long, and fetched by who comes later if it takes longer.
    """

    def __init__(self, connect: Connect, queue: kombu.Queue, timeout_s: float) -> None:
        self._connect = connect
        self._queue = queue
        self._timeout_s = timeout_s
        self._producer: kombu.Producer | None = None
        self._connector = Connector(self._open, _collect)

    def __call__(self, body: bytes, events: int, tried: bool = False) -> None:
        """Return once the queue holds `body`, a JSON array of so many events; `tried`: they have been there before.

        Raises QueueUnavailable; then it may hold it all the same.
        """
        try:
            self._connected().publish(
                body,
                routing_key=self._queue.name,  # of the default exchange: it cannot lose its binding
                content_type="application/json",
                content_encoding="binary",  # it is UTF-8, but saying so makes AMQP's driver decode it
                headers={"events": events, "tried": True} if tried else {"events": events},
                delivery_mode="persistent",
                mandatory=True,  # AMQP: a queue that was deleted is an error, not a silent drop
                timeout=self._timeout_s,
                confirm_timeout=self._timeout_s,
            )
        except BrokerErrors as error:
            self._drop()
            raise QueueUnavailable(f"the queue did not take the commit: {error}") from error

    def depth(self) -> int:
        """Messages waiting in the queue, as far as the broker tells; raises QueueUnavailable."""
        try:
            channel = self._connected().channel
            return int(channel.queue_declare(self._queue.name, passive=True).message_count)
        except BrokerErrors as error:
            self._drop()
            raise QueueUnavailable(f"the queue cannot be reached: {error}") from error

    def _connected(self) -> kombu.Producer:
        if self._producer is None:
            self._producer = self._connector.get(self._timeout_s / 2)
        return self._producer

    def _open(self) -> kombu.Producer:
        connection = self._connect()
        try:
            channel = connection.channel()
            self._queue(channel).declare()
        except BrokerErrors:
            connection.collect(CLOSE_TIMEOUT_S)  # tried again at every POST, they would pile up
            raise
        return kombu.Producer(channel)

    def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            _collect(producer)

    def close(self) -> None:
        """Drop the connection, also one that is still being made."""
        self._drop()
        self._connector.close()


def _collect(producer: kombu.Producer) -> None:
    producer.channel.connection.client.collect(CLOSE_TIMEOUT_S)
