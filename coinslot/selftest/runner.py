"""Runs a trial on a stack of its own: the stack in this thread, which its children need, the trial in another."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping

from coinslot.errors import CoinslotError
from coinslot.selftest.nemesis import Nemesis
from coinslot.selftest.trial import Trial, Verdict
from coinslot.settings import Settings
from coinslot.stack.composition import compose
from coinslot.stack.folder import DataFolder
from coinslot.stack.stack import Voice

WORKERS = 2
KILL_EVERY_S = (1.0, 3.0)
TELL_EVERY_S = 0.5


class Runner:
    """`run` it once, from the main thread; `stop` may be called from a signal handler.

    seed: of what is killed when; None to kill nothing. say: takes what is going on, again and again.
    """

    def __init__(
        self,
        settings: Settings,
        folder: DataFolder,
        environ: Mapping[str, str],
        *,
        seconds: float,
        seed: int | None,
        say: Callable[[str], None],
    ) -> None:
        self.killed: Counter[str] = Counter()
        self._seconds = seconds
        self._seed = seed
        self._say = say
        self._verdict: Verdict | None = None
        self._error: Exception | None = None
        self._stopping = threading.Event()
        voice = Voice(progress=say, trouble=say, ready=self._begin)
        self._stack = compose(settings, folder, environ, workers=WORKERS, voice=voice, logged=True)

    def run(self) -> Verdict:
        """Raises CannotStart, NotReady, and CoinslotError if it was stopped before its end."""
        self._stack.run()
        if self._error is not None:
            raise self._error
        if self._verdict is None:
            raise CoinslotError("the test was stopped before its end")
        return self._verdict

    def stop(self) -> None:
        self._stopping.set()
        self._stack.stop()

    def _begin(self, url: str) -> None:
        threading.Thread(target=self._try, args=(url,), name="trial", daemon=True).start()

    def _try(self, url: str) -> None:
        try:
            trial = Trial(url)
            with trial.under_load():
                self._trouble(trial)
            self._say("waiting until everything is stored and told")
            self._verdict = trial.verdict()
        except Exception as error:  # noqa: BLE001  # whatever it is, `run` raises it
            self._error = error
        finally:
            self._stack.stop()

    def _trouble(self, trial: Trial) -> None:
        if self._seed is None:
            self._wait(trial)
            return
        victims = {process.name: process.kill for process in self._stack.processes}
        nemesis = Nemesis(victims, KILL_EVERY_S, self._seed)
        self.killed = nemesis.done
        with nemesis:
            self._wait(trial)

    def _wait(self, trial: Trial) -> None:
        began = time.monotonic()
        while (passed_s := time.monotonic() - began) < self._seconds and not self._stopping.wait(TELL_EVERY_S):
            killed = f", {self.killed.total()} killed" if self._seed is not None else ""
            self._say(
                f"{passed_s:.0f} of {self._seconds:g} s: {len(trial.journal.acknowledged):,} acknowledged{killed}"
            )
