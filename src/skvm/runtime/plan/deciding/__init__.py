"""Whether a group pays on a target: what runs of it took, at once and in a row, and what follows."""
