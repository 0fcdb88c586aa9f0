"""The worker's other loop: it counts analytic events."""
