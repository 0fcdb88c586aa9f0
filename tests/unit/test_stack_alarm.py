"""A sleep that ends when something has happened."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

from coinslot.stack.alarm import Alarm

LONG_S = 30.0  # longer than a test may take
AT_ONCE_S = 10.0  # generous: the machine may be busy


def test_a_child_that_ends_ends_the_sleep() -> None:
    with Alarm() as alarm:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        assert child.stdin
        began = time.monotonic()
        threading.Timer(0.1, child.stdin.close).start()

        alarm.sleep(LONG_S)

        assert time.monotonic() - began < AT_ONCE_S
        child.wait()


def test_whoever_rings_from_another_thread_ends_the_sleep() -> None:
    with Alarm() as alarm:
        began = time.monotonic()
        threading.Timer(0.1, alarm.ring).start()

        alarm.sleep(LONG_S)

        assert time.monotonic() - began < AT_ONCE_S


def test_a_ring_before_the_sleep_is_heard_however_often_it_rang() -> None:
    with Alarm() as alarm:
        for _ in range(10_000):  # more than fit in
            alarm.ring()
        began = time.monotonic()

        alarm.sleep(LONG_S)

        assert time.monotonic() - began < AT_ONCE_S


def test_positive_control_where_nothing_happens_the_sleep_is_as_long_as_was_asked() -> None:
    with Alarm() as alarm:
        began = time.monotonic()

        alarm.sleep(0.2)

        assert time.monotonic() - began >= 0.2


def test_it_leaves_the_signal_as_it_was_and_a_ring_outside_does_nothing() -> None:
    before, alarm = signal.getsignal(signal.SIGCHLD), Alarm()

    alarm.ring()
    with alarm:
        assert signal.getsignal(signal.SIGCHLD) is not before
    alarm.ring()

    assert signal.getsignal(signal.SIGCHLD) is before
