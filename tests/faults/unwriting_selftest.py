"""python -m tests.faults.unwriting_selftest: `coinslot selftest` on workers that write nothing."""

import sys

from coinslot.cli import main
from coinslot.stack import composition

composition.WORKER = (sys.executable, "-P", "-m", "tests.faults.unwriting_worker")
main(["selftest", *sys.argv[1:]], prog_name="coinslot")
