"""What a skill's steps touch: read from its words, its code and its bundle's scripts, without a model."""
