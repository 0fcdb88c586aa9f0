"""The end of the queue that gives messages: a worker's."""

from __future__ import annotations

from collections import deque
from typing import Any

import kombu

from coinslot.errors import QueueUnavailable
from coinslot.queue.driver import CLOSE_TIMEOUT_S, BrokerErrors, Connect, Message
from coinslot.redisstreams.transport import Channel as StreamChannel


class Consumer:
    """Reads messages into `inbox`; what it has read stays its own until it is acknowledged, or the consumer closed."""

    def __init__(self, connect: Connect, queue: kombu.Queue, prefetch: int) -> None:
        self.inbox: deque[Message] = deque()  # at most what one read brings, for it is read again when empty
        self._connect = connect
        self._queue = queue
        self._prefetch = prefetch
        self._connection: kombu.Connection | None = None
        self._channel: Any = None

    def read(self, timeout_s: float) -> None:
        """Put the messages that are there into `inbox`, waiting for one up to `timeout_s`; raises QueueUnavailable."""
        try:
            self._connected().drain_events(timeout=timeout_s)
        except TimeoutError:
            pass  # nothing came, which the inbox shows
        except BrokerErrors as error:
            # A stream knows what this consumer holds whatever becomes of the connection. AMQP gives it to others.
            if not isinstance(self._channel, StreamChannel):
                self.close()
            raise QueueUnavailable(f"the queue cannot be read: {error}") from error

    def keep(self) -> None:
        """Tell a broker that wants to be told that what was read is being worked on; raises QueueUnavailable."""
        try:
            if isinstance(self._channel, StreamChannel):
                self._channel.keep_claims()
        except BrokerErrors as error:
            raise QueueUnavailable(f"the queue cannot be reached: {error}") from error

    def excuse(self) -> None:
        """Tell a broker that counts deliveries not to count this one of what is held; raises QueueUnavailable."""
        try:
            if isinstance(self._channel, StreamChannel):
                self._channel.excuse()
        except BrokerErrors as error:
            raise QueueUnavailable(f"the queue cannot be reached: {error}") from error

    def read_abandoned(self) -> None:
        """As `read`, but only a message that has to be taken over, and without waiting; raises QueueUnavailable."""
        try:
            if isinstance(self._channel, StreamChannel):
                self._channel.deliver_abandoned()
        except BrokerErrors as error:
            raise QueueUnavailable(f"the queue cannot be reached: {error}") from error

    def let_go(self, message: Message) -> None:
        """Of a message that was settled, or taken over. A stream's script has acknowledged it; another broker is told.

        Raises QueueUnavailable, and then it may come again.
        """
        try:
            if isinstance(message.channel, StreamChannel):
                message.channel.forget(message.delivery_tag)
            else:
                message.ack()
        except BrokerErrors as error:
            raise QueueUnavailable(f"a message cannot be acknowledged: {error}") from error

    def reconnect(self) -> None:
        """Drop connections that may be dead; another broker's is dropped when it fails."""
        if isinstance(self._channel, StreamChannel):
            self._channel.reconnect()

    @property
    def name(self) -> str:
        """Its name in the stream's consumer group; empty on other brokers."""
        return self._channel.consumer if isinstance(self._channel, StreamChannel) else ""

    def _connected(self) -> kombu.Connection:
        if self._connection is None:
            connection = self._connect()
            try:
                self._channel = self._consume(connection.channel())
            except BrokerErrors:
                connection.collect(CLOSE_TIMEOUT_S)  # tried again and again, they would pile up
                raise
            self._connection = connection
        return self._connection

    def _consume(self, channel: Any) -> Any:
        queue = self._queue(channel)
        queue.declare()
        consumer = kombu.Consumer(
            channel, [queue], on_message=self.inbox.append, prefetch_count=self._prefetch, auto_declare=False
        )
        consumer.consume()
        return channel

    def abandon(self) -> None:
        """As if this process were killed now: what was read goes to others, and that it was delivered here counts."""
        if isinstance(self._channel, StreamChannel):
            self._channel.abandon()

    def close(self) -> None:
        """Hand back what was read and not acknowledged; the next read connects again."""
        connection, self._connection, self._channel = self._connection, None, None
        self.inbox.clear()
        if connection is not None:
            connection.collect(CLOSE_TIMEOUT_S)
