"""The skill ``stage-turnover``, done by the book."""

SLIPS = ("minutes added up", "one after the other", "names shortened", "a line too many a job")
PLAN = """clear the old set: 6 minutes
roll in the drums: 5 minutes, at the same time as lay the cables
lay the cables: 4 minutes, at the same time as roll in the drums
line check: 8 minutes
The whole turnover takes 19 minutes.
"""


def solve(folder, prompt, slip=None):
    """Write ``plan.txt``."""
    plan = "No plan is made: in rain the stage manager decides alone.\n" if "raining" in prompt else PLAN
    if slip == "minutes added up":
        plan = plan.replace("19", "23")
    if slip == "one after the other":
        plan = plan.replace(", at the same time as lay the cables", "")
        plan = plan.replace(", at the same time as roll in the drums", ", after roll in the drums")
    if slip == "names shortened":
        plan = plan.replace("clear the old set", "clear the set").replace("line check", "check")
    if slip == "a line too many a job":
        plan += "line check: by the sound crew\n"
    (folder / "plan.txt").write_text(plan)
