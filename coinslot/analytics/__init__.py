"""Event analytics that keeps no user id: counters over Bloom filters, goals, predictions, feature flags."""
