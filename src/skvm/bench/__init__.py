"""The bench: what runs when one thing is varied, and what came of it."""
