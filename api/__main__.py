"""python -m api"""

from api.app import create_site
from coinslot import server

if __name__ == "__main__":
    server.main(create_site)
