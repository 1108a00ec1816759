"""``skvm plan run`` inside a cell of ours: what it is shown there, and how it runs commands there."""
