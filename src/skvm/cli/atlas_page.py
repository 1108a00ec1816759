"""The capability atlas as one HTML page that asks for nothing from anywhere else."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from skvm.cli.atlas import HATCH, INK, OPEN_FILL, atlas_svg
from skvm.profiler.standing import category_title
from skvm.target.contract import LEVELS

if TYPE_CHECKING:
    from skvm.profiler.atlas import Atlas, AtlasRow
    from skvm.profiler.standing import LevelEvidence, Standing

__all__ = ["atlas_html"]

_STYLE = (
    """
:root { color-scheme: light dark; --page: #fff; --ink: #202124; --soft: #5f6368; --line: #dadce0;
  --open: #e3e3e6; --hatch: #9a9aa0; --gap: #fff; }
@media (prefers-color-scheme: dark) { :root { --page: #17181b; --ink: #e8eaed; --soft: #a5a9af;
  --line: #3c4043; --open: #3a3b40; --hatch: #85868c; --gap: #17181b; } }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
main { padding: 8px 20px 40px; }
figure { margin: 0; overflow-x: auto; }
svg { display: block; max-width: none; }
/* The picture is drawn for a light page; these colours follow the page instead. */
svg text[fill="INK"] { fill: var(--ink); }
svg path[fill="OPEN"] { fill: var(--open); }
svg line[stroke="HATCH"] { stroke: var(--hatch); }
svg path[stroke="white"] { stroke: var(--gap); }
svg .mark-text, svg .mark-rule { pointer-events: none; }
svg [role=graphics-symbol]:hover { stroke: var(--ink); stroke-width: 2px; }
#facts { position: fixed; display: none; max-width: 30em; padding: 8px 12px; border-radius: 6px;
  white-space: pre-line; background: var(--page); color: var(--ink); border: 1px solid var(--soft);
  box-shadow: 0 2px 10px #0006; font-size: 13px; pointer-events: none; overflow-wrap: anywhere; }
h1 { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
h2 { font-size: 17px; margin: 28px 0 8px 0; }
p { color: var(--soft); margin: 4px 0 12px; max-width: 62em; }
details { border-top: 1px solid var(--line); padding: 7px 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
summary span { color: var(--soft); font-size: 13px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 8px 0 12px; font-size: 13px; }
caption { text-align: left; color: var(--soft); padding: 4px 0; }
th, td { text-align: left; padding: 3px 14px 3px 0; border-bottom: 1px solid var(--line); }
th, td { vertical-align: top; }
td { font-variant-numeric: tabular-nums; }
th { font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 400; }
""".replace("INK", INK)
    .replace("OPEN", OPEN_FILL)
    .replace("HATCH", HATCH)
)

_SCRIPT = """
const box = document.getElementById("facts");
document.querySelector("figure").addEventListener("mousemove", event => {
  const cell = event.target.closest("[role=graphics-symbol][aria-label]");
  box.style.display = cell ? "block" : "none";
  if (!cell) return;
  box.textContent = cell.getAttribute("aria-label");
  const left = Math.min(event.clientX + 14, innerWidth - box.offsetWidth - 8);
  const below = event.clientY + 18;
  const fits = below + box.offsetHeight < innerHeight;
  box.style.left = Math.max(8, left) + "px";
  box.style.top = (fits ? below : Math.max(8, event.clientY - box.offsetHeight - 12)) + "px";
});
document.querySelector("figure").addEventListener("mouseleave", () => box.style.display = "none");
"""


def atlas_html(atlas: Atlas) -> str:
    """The page: the picture with what is known of a cell under the pointer, and the same in tables.

    Args:
        atlas: At least one target and one primitive.

    Raises:
        ConfigError: The charting libraries are not installed.
    """
    tables = "\n".join(_target(row, is_open=len(atlas.rows) == 1) for row in atlas.rows)
    summary = f"Heat map of {len(atlas.rows)} targets by {len(atlas.primitive_ids)} primitives"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Capability atlas</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>Capability atlas</h1>
<figure aria-label="{summary}; the tables below say the same.">
{atlas_svg(atlas)}
</figure>
<h2>The same in words</h2>
<p>A target is a model in a harness. L1 to L3 are the levels of a primitive, the hardest last; a target at
L0 does not hold even the first. Unmeasured means that nobody knows: it is neither L0 nor a gap. Counts are
probes passed of probes asked, with the 95&nbsp;% interval of the probability of success.</p>
{tables}
</main>
<div id="facts" aria-hidden="true"></div>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _target(row: AtlasRow, *, is_open: bool) -> str:
    body = "\n".join(_line(row, row.standings[name]) for name in row.standings)
    measured = row.profile.profiled_at[:10]
    headings = ("primitive", "category", "level", "L1", "L2", "L3", "runs", "measured", "note")
    return f"""<details{" open" if is_open else ""}>
<summary>{escape(row.title)} <span>{escape(row.tally)}; {escape(measured)}</span></summary>
<div class="wide"><table>
<caption>{escape(row.title)}, measured {escape(row.profile.profiled_at)}</caption>
<thead><tr>{"".join(f'<th scope="col">{each}</th>' for each in headings)}</tr></thead>
<tbody>
{body}
</tbody>
</table></div>
</details>"""


def _line(row: AtlasRow, standing: Standing) -> str:
    cells = [
        category_title(standing.primitive_id),
        standing.level.value if standing.level else "unmeasured",
        *(_seen(standing.evidence.get(level)) for level in LEVELS),
        "–" if standing.runs is None else str(standing.runs),
        (standing.measured_at or row.profile.profiled_at)[:10],
        standing.note or (standing.reason if standing.level is None else "") or "",
    ]
    name = escape(standing.primitive_id)
    return f'<tr><th scope="row">{name}</th>{"".join(f"<td>{escape(each)}</td>" for each in cells)}</tr>'


def _seen(seen: LevelEvidence | None) -> str:
    if seen is None:
        return "–"
    return seen.counts + (f" ({seen.interval[0]:.2f}–{seen.interval[1]:.2f})" if seen.interval else "")
