"""Where counters are persisted: one protocol, and the place that the settings choose."""
