"""Real processes, made of small Python programs; nothing here sleeps longer than a program needs to start."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coinslot.errors import CannotStart
from coinslot.stack.process import Process

TIMEOUT_S = 10
WAITS = "import signal, sys; print('up', flush=True); signal.pause()"
IGNORES_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAITS
# Prints the pid of a child of its own, which would outlive it.
HAS_A_CHILD = f"""
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]).pid, flush=True)
{WAITS}
"""


@pytest.fixture
def process(tmp_path):
    """Makes a process of a Python program; whatever is left of it is killed."""
    made = []

    def make(code, **options):
        made.append(Process("program", [sys.executable, "-c", code], log=tmp_path / "log", **options))
        return made[-1]

    yield make
    for each in made:
        each.kill()


def wait_for(condition):
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def wait_for_line(process, line="up"):
    wait_for(lambda: line in process.log.read_text().splitlines())


def is_alive(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_process_that_was_not_started_is_not_running(process):
    program = process(WAITS)

    assert not program.is_running()
    assert program.exit_code() is None


def test_stop_ends_a_process_and_says_that_it_ended_by_itself(process):
    program = process(WAITS)
    program.start()
    wait_for_line(program)

    ended_by_itself = program.stop()

    assert ended_by_itself
    assert program.exit_code() == -signal.SIGTERM


def test_stop_kills_a_process_that_ignores_it(process):
    program = process(IGNORES_SIGTERM)
    program.start()
    wait_for_line(program)

    ended_by_itself = program.stop(grace_s=0.1)

    assert not ended_by_itself
    assert program.exit_code() == -signal.SIGKILL


@pytest.mark.parametrize("end", ["kill it", "let it be killed"])
def test_nothing_is_left_of_a_killed_process(process, end):
    program = process(HAS_A_CHILD)
    program.start()
    wait_for_line(program)
    child = int(program.log.read_text().split()[0])
    assert is_alive(child)

    if end == "kill it":
        program.kill()
    else:
        os.kill(program.pid, signal.SIGKILL)
        program.wait(TIMEOUT_S)

    wait_for(lambda: not is_alive(child))


def test_a_process_can_be_started_again_and_its_log_goes_on(process):
    program = process("print('up')")
    for _ in range(2):
        program.start()
        program.wait(TIMEOUT_S)

    assert program.log.read_text() == "up\nup\n"
    assert program.exit_code() == 0


def test_the_log_of_an_earlier_run_is_not_kept(process, tmp_path):
    (tmp_path / "log").write_text("old\n")
    program = process("print('up')")

    program.start()
    program.wait(TIMEOUT_S)

    assert program.log.read_text() == "up\n"


def test_a_process_has_a_session_of_its_own(process):
    program = process(WAITS)

    program.start()

    assert os.getsid(program.pid) == program.pid != os.getsid(0)


def test_a_process_gets_the_environment_it_is_given(process):
    program = process("import os; print(os.environ['PORT'])", env={"PORT": "4000"})

    program.start()
    program.wait(TIMEOUT_S)

    assert program.log.read_text() == "4000\n"


def test_a_program_that_does_not_exist_cannot_be_started(tmp_path):
    program = Process("redis", [tmp_path / "redis-server"])

    with pytest.raises(CannotStart, match=r"cannot start redis: .*No such file"):
        program.start()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_process_ends_when_its_parent_is_killed(tmp_path):
    code = f"""
import signal, sys
from pathlib import Path
from coinslot.stack.process import Process
program = Process("program", [sys.executable, "-c", {WAITS!r}], log=Path({str(tmp_path / "log")!r}))
program.start()
print(program.pid, flush=True)
signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        child = int(parent.stdout.readline())
        assert is_alive(child)

        parent.kill()

    wait_for(lambda: not is_alive(child))
