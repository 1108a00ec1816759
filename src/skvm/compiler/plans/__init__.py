"""The plan of a skill: steps, what must wait for what, what may go at once."""
