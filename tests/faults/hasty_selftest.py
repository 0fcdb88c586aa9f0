"""python -m tests.faults.hasty_selftest: `coinslot selftest` on workers that acknowledge before they write, and die."""

import sys

from coinslot.cli import main
from coinslot.stack import composition

composition.WORKER = (sys.executable, "-P", "-m", "tests.faults.hasty_worker")
main(["selftest", *sys.argv[1:]], prog_name="coinslot")
