"""python -m tests.faults.impatient_front: a front that does not wait long for headers."""

from coinslot import server
from front import create_app

if __name__ == "__main__":
    server.main("front", create_app, headers_timeout_ms=1000)
