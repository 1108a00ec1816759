"""What a model is asked while a skill is compiled: questions whose answers are checked, never trusted."""
