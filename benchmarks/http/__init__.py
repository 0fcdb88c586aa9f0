"""Benchmarks of POSTs, and the servers that take them."""
