from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from coinslot.ports import free_port
from coinslot.stack.probe import FrontProbe


@contextmanager
def front(status, body=b""):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/ready" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_a_front_that_answers_200_is_ready(host):
    with front(200) as port:
        assert FrontProbe(host, port).is_ready()


def test_a_front_that_answers_503_is_not_ready_and_its_answer_is_kept():
    with front(503, b'{"queue": "refused"}\n') as port:
        probe = FrontProbe("127.0.0.1", port)

        assert not probe.is_ready()
        assert probe.answer == '503 {"queue": "refused"}'


def test_a_front_that_is_not_there_is_not_ready():
    probe = FrontProbe("127.0.0.1", free_port())

    assert not probe.is_ready()
    assert "refused" in probe.answer


def test_the_url_puts_an_ipv6_address_in_brackets():
    assert FrontProbe("::1", 3000).url == "http://[::1]:3000"
    assert FrontProbe("127.0.0.1", 3000).url == "http://127.0.0.1:3000"


def test_a_front_whose_workers_are_halted_is_ready_for_it_takes_a_front_to_end_the_halt():
    checks = b'{"queue":"ok","freshness":"too old","dead_letters":"halted: at least 200 events died of late"}'

    with front(503, b'{"ready":false,"checks":%b}' % checks) as port:
        assert FrontProbe("127.0.0.1", port).is_ready()


@pytest.mark.parametrize(
    ("host", "nearest"),
    [("0.0.0.0", "http://127.0.0.1:3000"), ("::", "http://[::1]:3000"), ("192.0.2.1", "http://192.0.2.1:3000")],
)
def test_a_front_on_every_address_is_asked_on_the_nearest(host, nearest):
    assert FrontProbe(host, 3000).nearest_url == nearest
