"""Loads a Coinslot, kills parts of it, and holds what it acknowledged against what it stored and told."""
