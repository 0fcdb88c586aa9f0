"""Feature flags: what they are, where their specs are kept, and whether they are on for a user."""
