"""python -m ingest"""

from coinslot import server
from ingest.app import create_site

if __name__ == "__main__":
    server.main(create_site)
