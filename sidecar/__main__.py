"""python -m sidecar"""

from coinslot import server
from sidecar.app import create_site

if __name__ == "__main__":
    server.main(create_site)
