"""Skills for agents that use ``skvm`` themselves, and how they get into an agent program's own folder."""
