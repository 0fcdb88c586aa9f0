"""python -m ingest"""

from coinslot import server
from ingest.app import create_app

if __name__ == "__main__":
    server.main("ingest", create_app)
