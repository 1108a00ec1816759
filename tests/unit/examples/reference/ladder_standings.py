"""The skill ``ladder-standings``, done by the book."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[4] / "examples" / "more" / "skills" / "ladder-standings" / "SKILL.md"
SLIPS = ("no semicolon", "teams left out", "the best ever, not of the season", "fences kept")


def solve(folder, prompt, slip=None):
    """Write ``standings.sql`` where the prompt wants it."""
    block = re.search(r"^```sql\n.*?^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)[0]
    query = block.removeprefix("```sql\n").removesuffix("```")
    if slip == "no semicolon":
        query = query.replace(";", "")
    if slip == "teams left out":
        query = query.replace(", t.title", "").replace("JOIN teams AS t ON t.id = p.team_id\n", "")
    if slip == "the best ever, not of the season":
        query = query.replace("PARTITION BY g.player_id, g.season", "PARTITION BY g.player_id")
    named = re.search(r"folder (\w+)/", prompt)
    target = folder / named[1] if named else folder
    target.mkdir(exist_ok=True)
    (target / "standings.sql").write_text(block + "\n" if slip == "fences kept" else query)
