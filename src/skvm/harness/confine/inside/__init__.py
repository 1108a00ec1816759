"""The program that runs inside the confinement: standard library only, no import from the rest of us.

A confined worker sees this package and nothing else of ``skvm``: the rest holds graders and oracles, which
an agent must not read.
"""
