"""Benchmarks of what lies behind a POST: the queue, workers, MongoDB, ranges and followers."""
