"""The one-machine stack: Redis, MongoDB, the web front and workers, started, watched and ended together."""
