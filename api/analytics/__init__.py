"""What is counted of analytic events, and what follows from it."""
