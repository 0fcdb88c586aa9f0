"""The queue transport `redisstreams://`: kombu over Redis Streams, so that a message outlives whoever reads it.

kombu's own `redis://` pops a message before it notes that it did, and a reader killed in between loses it. A
stream keeps a message, and who has it, until it is acknowledged; what a dead reader held is claimed by the others.

    XADD  (lua/put.lua)     publish
    XREADGROUP              first delivery
    XPENDING IDLE,          what has been idle too long
    XCLAIM JUSTID           becomes this consumer's, not yet counted as delivered
    XCLAIM                  its redelivery, counted, one message at a time: a message that crashes its reader
                            is then alone in the crash, and its neighbours are not blamed
    XACK + XDEL             acknowledge; the work stream is never trimmed

Needs Redis 6.2 or newer.
"""

from kombu.transport import TRANSPORT_ALIASES


def register() -> None:
    """Make the scheme known to kombu."""
    TRANSPORT_ALIASES["redisstreams"] = f"{__name__}.transport:Transport"
