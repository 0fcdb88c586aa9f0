"""What kombu and the drivers below it are to us: types, errors, and how long they may take to let go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kombu
from amqp.exceptions import AMQPError, MessageNacked
from kombu.exceptions import KombuError

from coinslot import redisclient

CLOSE_TIMEOUT_S = 1.0

Message = Any  # a kombu.Message; kombu has no types
Connect = Callable[[], kombu.Connection]

# Whatever a broker's driver raises when the broker is gone, slow, full or unwilling.
BrokerErrors = (KombuError, AMQPError, MessageNacked, *redisclient.Errors)
