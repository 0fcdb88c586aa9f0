"""The queue, as the two ends see it: publishers in ingest, one consumer in a worker. The rest is kombu's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import kombu
from amqp.exceptions import AMQPError, MessageNacked
from kombu.exceptions import KombuError

from coinslot import redisclient, redisstreams
from coinslot.connector import Connector
from coinslot.errors import QueueUnavailable
from coinslot.keys import Keys
from coinslot.redisstreams.transport import Channel as StreamChannel
from coinslot.settings import Settings

CLOSE_TIMEOUT_S = 1.0

Message = Any  # a kombu.Message; kombu has no types
Connect = Callable[[], kombu.Connection]

# Whatever a broker's driver raises when the broker is gone, slow, full or unwilling.
BrokerErrors = (KombuError, AMQPError, MessageNacked, *redisclient.Errors)


class Broker:
    """Where the queue is: streams beside the feed, or what BROKER_URL names. Nothing connects before it is used."""

    def __init__(self, settings: Settings) -> None:
        redisstreams.register()
        self._settings = settings
        arguments = None if settings.queue_is_on_redis else {"x-queue-type": "quorum"}  # it counts deliveries
        name = Keys.of(settings.key_prefix).queue
        self._queue = kombu.Queue(name, exchange=kombu.Exchange(""), routing_key=name, queue_arguments=arguments)

    def publisher(self) -> Publisher:
        return Publisher(self._connect, self._queue, self._settings.publish_timeout_s / 2)

    def check(self) -> None:
        """Return if the broker answers, on a connection made for this; raises QueueUnavailable."""
        publisher = self.publisher()
        try:
            publisher.depth()
        finally:
            publisher.close()

    def consumer(self) -> Consumer:
        return Consumer(self._connect, self._queue, prefetch=self._settings.batch_max_events)

    def _connect(self) -> kombu.Connection:
        settings, wait_s = self._settings, self._settings.publish_timeout_s / 2
        if settings.queue_is_on_redis:
            url = "redisstreams://"
            options: dict[str, Any] = {
                "redis_url": settings.redis_url,
                "timeout_s": wait_s,
                "claim_idle_s": settings.claim_idle_s,
                "claim_every_s": settings.claim_every_s,
            }
        else:
            url = settings.broker_url
            options = {"confirm_publish": True, "read_timeout": wait_s, "write_timeout": wait_s}
        connection = kombu.Connection(url, connect_timeout=wait_s / 2, transport_options=options)
        return connection.ensure_connection(max_retries=0)


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
            self._channel = connection.channel()
            queue = self._queue(self._channel)
            queue.declare()
            consumer = kombu.Consumer(
                self._channel, [queue], on_message=self.inbox.append, prefetch_count=self._prefetch, auto_declare=False
            )
            consumer.consume()
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Hand back what was read and not acknowledged; the next read connects again."""
        connection, self._connection, self._channel = self._connection, None, None
        self.inbox.clear()
        if connection is not None:
            connection.collect(CLOSE_TIMEOUT_S)
