"""What a node of a plan does: commands, questions to a model, agents, and maps of these."""
