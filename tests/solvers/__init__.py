"""Second algorithms, one file a primitive: ``solve(level, probe)`` reads only what an agent is shown.

It gives every answer that is right by the words of the prompt (by brute force, or by another way of computing
than the generator's), one for each different content. More than one is a tie, none a contradiction.
"""
