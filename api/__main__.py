"""python -m api"""

from api.app import create_asgi
from coinslot import server

if __name__ == "__main__":
    server.main("api", create_asgi, asgi=True)
