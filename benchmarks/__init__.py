"""Coinslot measured against what its users would pick instead, on one machine in one run: `make bench`."""
