"""What a trace's page adds to the style all pages have."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root { --warn: #8a5a00; --wait: #c3c7cc; --left: #5b4bb3; }
@media (prefers-color-scheme: dark) { :root { --warn: #e3b341; --wait: #555a61; --left: #b3a6f7; } }
main { max-width: 1600px; }
#trace { margin-top: 18px; }
#trace svg { display: block; width: 100%; overflow: hidden; box-sizing: content-box; }
#levels { height: 54px; border-bottom: 1px solid var(--line); }
#axis { height: 22px; border-top: 1px solid var(--line); }
#rows { max-height: 62vh; overflow-x: hidden; overflow-y: auto; position: relative; cursor: grab;
  touch-action: pan-y; user-select: none; }
#rows:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
#rows.moving { cursor: grabbing; }
#room { position: relative; }
#bars { position: sticky; top: 0; }
#bars text { font-size: 11.5px; pointer-events: none; }
#bars text.in { fill: var(--page); font-weight: 500; }
#bars text.out { fill: var(--ink); font-weight: 500; }
.s-done { fill: var(--accent); } .s-failed, .s-uncertain { fill: var(--bad); }
.s-running { fill: var(--warn); } .s-left { fill: var(--left); } .s-cancelled { fill: var(--base); }
.s-cut-short { fill: var(--page); stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 4 2; }
.s-again { fill: var(--wait); stroke: var(--base); stroke-width: 1; }
.s-map { fill: var(--panel); stroke: var(--base); stroke-width: 1; }
.s-wait { fill: var(--wait); }
.s-critical { fill: var(--ink); }
#trace .dim { opacity: .22; }
#bars .arrow { fill: none; stroke: var(--base); stroke-width: 1; opacity: .55; }
#bars .arrow.before { stroke: var(--ink); stroke-width: 1.75; opacity: 1; }
#bars .arrow.behind { stroke: var(--ink); stroke-width: 1.75; stroke-dasharray: 5 3; opacity: 1; }
#bars .chosen { fill: none; stroke: var(--ink); stroke-width: 2.5; }
#bars .hovered { fill: none; stroke: var(--soft); stroke-width: 1.5; }
#trace .grid { stroke: var(--line); stroke-width: 1; }
#trace .leg { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 2 3; }
#trace .leg.cut { stroke: var(--bad); }
#levels .area { fill: var(--accent); opacity: .35; }
#levels .line { fill: none; stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 2; }
#legend { gap: 4px 16px; margin: 10px 0 6px; }
#legend span { padding: 0; display: inline-flex; align-items: center; gap: 5px; }
#legend svg { width: 18px; height: 12px; }
button[aria-pressed="true"] { background: var(--ink); color: var(--page); }
.buttons { display: flex; gap: 6px; }
form.filter output { padding-bottom: 4px; }
#tip { position: fixed; z-index: 3; pointer-events: none; background: var(--panel); color: var(--ink);
  border: 1px solid var(--soft); border-radius: 5px; padding: 4px 9px; font-size: 13px; max-width: 34em;
  overflow-wrap: anywhere; }
#node { border: 1px solid var(--line); border-radius: 6px; padding: 4px 16px 10px; margin: 14px 0; }
#node:empty { display: none; }
#node h2 { margin: 10px 0 4px; overflow-wrap: anywhere; }
#node dd button { margin: 0 6px 4px 0; max-width: 100%; overflow-wrap: anywhere; text-align: left; }
#steps button { border: 0; padding: 0; background: none; font: inherit; text-align: left;
  overflow-wrap: anywhere; text-decoration: underline; text-underline-offset: 2px; }
#steps thead button { font-weight: 600; text-decoration: none; }
#steps td.what { min-width: 12em; max-width: 34em; overflow-wrap: anywhere; }
@media print { #tools, #keys, #more { display: none; } #rows { max-height: none; } }
"""
