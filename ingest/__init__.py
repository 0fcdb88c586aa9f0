"""The HTTP door: a POST is checked and committed to the queue."""
