"""python -m tests.faults.impatient_front: a front that does not wait long for its clients."""

from coinslot import server
from coinslot.server import Patience
from front import create_site

if __name__ == "__main__":
    server.main(create_site, Patience(head_s=1.0, body_s=1.0, unread_s=1.0, linger_s=1.0))
