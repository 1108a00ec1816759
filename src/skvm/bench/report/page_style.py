"""The style of every page of a report: light and dark, narrow and wide, on paper."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["HEAT_STEPS", "STYLE"]

HEAT_STEPS = 10
_STOPS = ((0xFD, 0xE9, 0xA9), (0x8F, 0xD3, 0xA5), (0x1F, 0x7D, 0x99), (0x20, 0x34, 0x7F))
"""From light to dark, as in the capability atlas: told apart in grey and with any colour vision."""


_EVEN = 0.18
"""Relative luminance on which black and white are read equally well."""


def _lightness(colour: Sequence[int]) -> float:
    """The relative luminance that contrast is defined by, in [0, 1]."""
    linear = [value / 3294.6 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4 for value in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _heat_rules() -> str:
    rules = []
    for step in range(HEAT_STEPS + 1):
        place = step / HEAT_STEPS * (len(_STOPS) - 1)
        below = min(int(place), len(_STOPS) - 2)
        mixed = [
            round(a + (b - a) * (place - below))
            for a, b in zip(_STOPS[below], _STOPS[below + 1], strict=True)
        ]
        ink = "#111" if _lightness(mixed) > _EVEN else "#fff"
        rules.append(f".h{step} {{ background: rgb({mixed[0]} {mixed[1]} {mixed[2]}); color: {ink}; }}")
    return "\n".join(rules)


STYLE = (
    """
:root { color-scheme: light dark; --page: #fff; --ink: #202124; --soft: #5f6368; --line: #dadce0;
  --panel: #f6f7f8; --accent: #1f7d99; --good: #137333; --bad: #b3261e; --base: #80868b;
  --open: #e3e3e6; }
@media (prefers-color-scheme: dark) { :root { --page: #17181b; --ink: #e8eaed; --soft: #a5a9af;
  --line: #3c4043; --panel: #202226; --accent: #5cb8d6; --good: #81c995; --bad: #f28b82;
  --base: #9aa0a6;
  --open: #3a3b40; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 12px 20px 60px; }
h1 { font-size: 22px; margin: 12px 0 2px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 34px 0 8px; }
h3 { font-size: 15px; margin: 18px 0 6px; }
p, li { max-width: 70em; overflow-wrap: anywhere; }
p { margin: 4px 0 12px; }
.soft, figcaption, caption { color: var(--soft); }
a { color: inherit; }
code, pre { font: 13px/1.4 ui-monospace, "DejaVu Sans Mono", monospace; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 10px 0;
  font-size: 14px; }
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
.verdicts { list-style: none; padding: 0; margin: 10px 0 0; }
.verdicts li { border-left: 4px solid var(--base); padding: 3px 0 3px 12px; margin: 8px 0; }
.verdicts li.better { border-color: var(--good); }
.verdicts li.worse { border-color: var(--bad); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr));
  gap: 18px 36px; margin-top: 18px; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: 13px; margin-bottom: 4px; }
figcaption b { color: var(--ink); font-size: 14px; }
.plot { display: grid; grid-template-columns: minmax(70px, 30%) 1fr max-content; align-items: center;
  font-size: 13px; }
.plot > span { overflow-wrap: anywhere; line-height: 1.25; padding-right: 8px; }
.plot > span.value { white-space: nowrap; overflow-wrap: normal; padding: 0 0 0 10px;
  text-align: right; font-variant-numeric: tabular-nums; }
.plot svg { display: block; width: 100%; overflow: visible; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .zero { stroke: var(--soft); stroke-width: 1; }
svg .range { stroke: var(--accent); stroke-width: 3; stroke-linecap: round; opacity: .55; }
svg .mark { fill: var(--accent); stroke: var(--page); stroke-width: 1.5; }
svg .ghost { fill: none; stroke: var(--accent); stroke-width: 1.5; }
svg .dot { fill: var(--base); opacity: .6; }
svg .bar { fill: var(--accent); }
svg .base.mark, svg .base.bar { fill: var(--base); }
svg .base.range, svg .base.ghost { stroke: var(--base); }
svg text { fill: var(--soft); font-size: 11px; }
svg text.in { fill: var(--page); font-size: 11px; font-weight: 600; }
svg text.out { fill: var(--ink); font-size: 11px; font-weight: 600; }
svg .front { stroke: var(--accent); stroke-width: 1.5; stroke-dasharray: 4 3; }
svg.field { display: block; width: 100%; overflow: visible; border-left: 1px solid var(--line);
  border-bottom: 1px solid var(--line); }
.field-box { padding: 6px 14px 18px 34px; }
ol.key { columns: 2 180px; column-gap: 44px; font-size: 13px; margin: 6px 0; padding-left: 26px; }
.wide { overflow-x: auto; max-width: 100%; }
.wide:focus-visible, a:focus-visible, button:focus-visible, input:focus-visible, select:focus-visible,
summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
table { border-collapse: collapse; margin: 8px 0 12px; font-size: 13px; }
caption { text-align: left; padding: 2px 0 6px; }
th, td { text-align: left; padding: 4px 14px 4px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { font-weight: 600; }
td.short { white-space: nowrap; }
thead th { white-space: nowrap; }
tbody th { font-weight: 400; overflow-wrap: anywhere; min-width: 9em; max-width: 28em; }
td { font-variant-numeric: tabular-nums; }
td.figure, th.figure { text-align: right; white-space: nowrap; }
td.figure:last-child, th.figure:last-child { padding-right: 4px; }
form.filter { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: end; margin: 8px 0;
  font-size: 13px; }
form.filter label { display: grid; gap: 2px; color: var(--soft); }
form.filter input, form.filter select { font: inherit; color: var(--ink); background: var(--page);
  max-width: 16em;
  border: 1px solid var(--soft); border-radius: 4px; padding: 4px 6px; }
.heat-box { max-height: 80vh; overflow: auto; }
table.heat { border-collapse: separate; border-spacing: 2px; margin-top: 0; }
table.heat th, table.heat td { border: 0; padding: 0; }
table.heat thead th { position: sticky; top: 0; background: var(--page); padding: 4px 8px;
  z-index: 1; max-width: 10em;
  white-space: normal; overflow-wrap: break-word; vertical-align: bottom;
  overflow: hidden; text-overflow: ellipsis; }
table.heat tbody th { position: sticky; left: 0; background: var(--page); padding: 4px 10px 4px 0;
  max-width: 22em; }
table.heat thead th:first-child { padding-left: 0; text-align: left; }
table.heat td.category { padding: 4px 10px; color: var(--soft); white-space: nowrap; }
table.heat td a { display: block; white-space: nowrap; padding: 4px 10px; text-align: center;
  text-decoration: none; min-width: 5.5em; border-radius: 3px; }
table.heat td a:hover { text-decoration: underline; }
table.heat td a.none, table.heat td.empty { background: repeating-linear-gradient(135deg,
  var(--open) 0 5px,
  var(--page) 5px 10px); color: var(--ink); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 3px; font-size: 12px; margin: 4px 0 8px;
  align-items: center; }
.legend span { padding: 1px 7px; border-radius: 3px; }
dialog { width: min(900px, 94vw); max-height: 88vh; overflow: auto; border: 1px solid var(--soft);
  border-radius: 8px;
  background: var(--page); color: var(--ink); padding: 14px 20px 20px; }
dialog::backdrop { background: #0008; }
dialog h2 { margin-top: 4px; overflow-wrap: anywhere; }
dialog .close { float: right; margin-left: 10px; }
dialog table { width: 100%; }
dialog td { overflow-wrap: anywhere; white-space: pre-line; }
button { font: inherit; color: var(--ink); background: var(--panel); border: 1px solid var(--soft);
  border-radius: 4px;
  padding: 3px 10px; cursor: pointer; }
details { border-top: 1px solid var(--line); padding: 7px 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--panel); padding: 8px 12px;
  border-radius: 6px;
  margin: 6px 0; max-height: 32em; overflow: auto; }
.turn { border-top: 1px solid var(--line); padding: 8px 0; }
@media (max-width: 600px) { main { padding: 8px 12px 40px; } dl.facts { grid-template-columns: 1fr;
  gap: 0; }
  dl.facts dd { margin-bottom: 6px; } table.heat tbody th { max-width: 11em; } }
@media print { .heat-box { max-height: none; } form.filter { display: none; } }
"""
    + _heat_rules()
    + "\n"
)
