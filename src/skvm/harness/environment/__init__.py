"""The private environment of a skill: what it needs, what of it is there, and where the rest is bound."""
