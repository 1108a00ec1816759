"""What acts while a skill runs."""
