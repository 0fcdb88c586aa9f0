"""python -m tests.faults.selftest_on MODULE ...: `coinslot selftest` on workers that are this module."""

import sys

from coinslot.cli import main
from coinslot.stack import composition

_, module, *arguments = sys.argv
composition.WORKER = (sys.executable, "-P", "-m", module)
main(["selftest", *arguments], prog_name="coinslot")
