"""Removing events from wherever Coinslot keeps them: one user's on demand (erasure), and all that have become old."""
