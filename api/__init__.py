"""The read side: ranges, counts and the change stream."""
