"""Programs that run in a grading cell, sent there as text.

They are joined to one text and run by a bare interpreter that sees nothing of this package: each needs the
standard library alone, and little of it. It may be an older Python than ours.
"""
