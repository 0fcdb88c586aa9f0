"""The queue, as its two ends see it: publishers in ingest, one consumer in a worker. The rest is kombu's."""

from coinslot.queue.broker import Broker
from coinslot.queue.consumer import Consumer
from coinslot.queue.driver import CLOSE_TIMEOUT_S, BrokerErrors, Message
from coinslot.queue.publisher import Publisher

__all__ = ["CLOSE_TIMEOUT_S", "Broker", "BrokerErrors", "Consumer", "Message", "Publisher"]
