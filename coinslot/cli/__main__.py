"""`python -m coinslot.cli` is `coinslot`."""

from coinslot.cli import main

main(prog_name="coinslot")
