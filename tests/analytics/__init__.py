"""Counting in plain Python with exact sets, and what stands for the counters where there is no Redis."""
