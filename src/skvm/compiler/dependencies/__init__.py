"""What a skill needs of its environment, read off its words, its code and its bundle; nothing is run."""
