"""What an install brings."""
