import pytest

from coinslot.errors import CannotStart
from coinslot.stack.supervisor import LONGEST_PAUSE_S, STEADY_AFTER_S, Supervisor


class ScriptedProcess:
    """Ends when the test says so."""

    name = "worker"

    def __init__(self):
        self.starts = 0
        self.code = None

    def start(self):
        self.starts += 1
        self.code = None

    def exit_code(self):
        return self.code


class Scene:
    """A supervisor with one process, a clock moved by hand, and what was said."""

    def __init__(self):
        self.now = 0.0
        self.said = []
        self.process = ScriptedProcess()
        self.supervisor = Supervisor(self.said.append, clock=lambda: self.now)
        self.supervisor.start(self.process)

    def pass_time(self, seconds):
        self.now += seconds
        self.supervisor.run_once()

    def end_process(self, code=1):
        """Returns the pause before the process was started again."""
        self.process.code = code
        starts, ended_at = self.process.starts, self.now
        self.supervisor.run_once()
        while self.process.starts == starts:
            self.pass_time(0.05)
        return self.now - ended_at


@pytest.fixture
def scene():
    return Scene()


def test_a_process_that_runs_is_left_alone(scene):
    scene.pass_time(100)

    assert scene.process.starts == 1
    assert scene.said == []


def test_a_process_that_ends_is_started_again_and_that_is_said_once(scene):
    scene.end_process(code=-9)
    scene.pass_time(1)

    assert scene.process.starts == 2
    assert scene.said == ["worker ended (signal 9); starting it again in 0.2 s"]


def test_a_process_is_not_started_again_before_its_pause_is_over(scene):
    scene.process.code = 1
    scene.supervisor.run_once()

    scene.pass_time(0.1)

    assert scene.process.starts == 1


def test_the_pause_grows_while_a_process_keeps_ending_and_stays_below_its_limit(scene):
    pauses = [scene.end_process() for _ in range(8)]

    assert pauses == sorted(pauses)
    assert pauses[0] < 0.3
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE_S, abs=0.1)


def test_a_process_that_ran_steadily_is_started_again_with_the_first_pause(scene):
    for _ in range(8):
        scene.end_process()

    scene.pass_time(STEADY_AFTER_S)

    assert scene.end_process() < 0.3


def test_a_process_that_refuses_its_settings_is_not_started_again(scene):
    scene.process.code = 2

    with pytest.raises(CannotStart, match="worker refused its settings"):
        scene.supervisor.run_once()

    assert scene.process.starts == 1
