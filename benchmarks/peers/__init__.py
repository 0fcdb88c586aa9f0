"""What Coinslot's users would write or run instead: programs of their own, with settings from the environment."""
