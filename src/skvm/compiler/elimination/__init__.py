"""The third move of pass 1: what a strong target does not need before its eyes leaves ``SKILL.md``."""
