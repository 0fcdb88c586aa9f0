"""The stack's life, with small programs in place of front and worker, and no servers."""

import sys
import textwrap

import pytest

from coinslot.errors import CannotStart, NotReady
from coinslot.ports import free_port
from coinslot.stack.probe import FrontProbe
from coinslot.stack.process import Process
from coinslot.stack.stack import Stack, Voice

# Each writes a line to `journal` at its start and at its end.
JOURNALED = """
import signal, sys
name, journal = sys.argv[1:3]
def note(what):
    with open(journal, "a") as file:
        file.write(f"{name} {what}\\n")
def end(*_):
    note("ended")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
note("started")
"""
WAIT = "signal.pause()"
END_ONCE = """
if open(journal).read().count(f"{name} started") == 1:
    sys.exit(1)
signal.pause()
"""
REFUSE_SETTINGS = "sys.exit(2)"
# Is ready once the worker was started so many times.
ANSWER = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        is_ready = open(journal).read().count("worker started") == {worker_starts}
        self.send_response(200 if is_ready and self.path == "/ready" else 503)
        self.end_headers()
    def log_message(self, *_):
        pass
HTTPServer(("127.0.0.1", {port}), Handler).serve_forever()
"""


class Scene:
    """Builds a stack that is stopped as soon as it is ready."""

    def __init__(self, tmp_path):
        self.journal = tmp_path / "journal"
        self.folder = tmp_path
        self.port = free_port()
        self.troubles = []
        self.ready = []

    def stack(self, front=ANSWER, worker=WAIT, worker_starts=1, **options):
        front = front.format(worker_starts=worker_starts, port=self.port)
        self.processes = [self.process("front", front), self.process("worker", worker)]
        stack = Stack(
            servers=[],
            front=self.processes[0],
            workers=self.processes[1:],
            probe=FrontProbe("127.0.0.1", self.port),
            voice=Voice(progress=lambda _: None, trouble=self.troubles.append, ready=self.on_ready),
            logs=self.folder,
            **options,
        )
        self.stop = stack.stop
        return stack

    def process(self, name, code):
        return Process(name, [sys.executable, "-c", textwrap.dedent(JOURNALED + code), name, str(self.journal)])

    def on_ready(self, url):
        self.ready.append(url)
        self.stop()

    def lines(self):
        return self.journal.read_text().splitlines() if self.journal.exists() else []

    def nothing_is_left(self):
        return not any(process.is_running() for process in self.processes)


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


def test_the_stack_is_ready_once_the_front_answers_and_ends_front_before_workers(scene):
    scene.stack().run()

    assert scene.ready == [f"http://127.0.0.1:{scene.port}"]
    assert scene.lines()[-2:] == ["front ended", "worker ended"]
    assert scene.nothing_is_left()
    assert scene.troubles == []


def test_a_worker_that_ends_is_started_again(scene):
    scene.stack(worker=END_ONCE, worker_starts=2).run()

    assert scene.troubles[0] == "worker ended (exit 1); starting it again in 0.2 s"
    assert scene.lines().count("worker started") == 2


def test_a_front_that_is_never_ready_is_reported_with_what_was_heard_last(scene):
    stack = scene.stack(front=WAIT, ready_timeout_s=0.3)

    with pytest.raises(NotReady, match=r"not ready after 0\.3 s: GET /ready: .*Connection refused; logs are in /"):
        stack.run()

    assert scene.ready == []
    assert scene.nothing_is_left()


def test_a_worker_that_refuses_its_settings_ends_the_stack(scene):
    with pytest.raises(CannotStart, match="worker refused its settings"):
        scene.stack(worker=REFUSE_SETTINGS, worker_starts=99).run()

    assert scene.nothing_is_left()


def test_a_stack_that_is_stopped_before_it_is_ready_ends_everything(scene):
    stack = scene.stack(worker_starts=99)
    stack.stop()
    stack.stop()

    stack.run()

    assert scene.ready == []
    assert scene.nothing_is_left()
