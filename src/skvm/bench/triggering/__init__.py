"""Whether a harness loads a skill when it should, and only then."""
