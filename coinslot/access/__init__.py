"""Who may come in: tokens, what each request needs, and how often a token may ask."""
