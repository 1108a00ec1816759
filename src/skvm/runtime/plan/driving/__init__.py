"""Plans in our own harnesses: a run of a skill that follows the skill's plan."""
