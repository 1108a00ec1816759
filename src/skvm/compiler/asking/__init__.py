"""What a model is asked while a skill is compiled: questions with checked answers, never trusted as they come."""
