"""python -m tests.faults.impatient_front: a front that does not wait long for headers."""

from coinslot import server
from front import create_site

if __name__ == "__main__":
    server.main(create_site, head_timeout_s=1.0)
