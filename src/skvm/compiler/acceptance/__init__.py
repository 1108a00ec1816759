"""Whether a variant may take its original's place: trial tasks, paired runs, the verdict."""
