"""The consumer loop: a batch of messages is stored, announced and acknowledged."""
