"""The script of a trace's page: draws the timeline, moves in it, and shows what is known of a step.

It reads the data block with ``JSON.parse`` and writes with ``textContent`` only. Bars of one state are one
path, and only rows that can be seen are drawn, so ten thousand steps are drawn as fast as ten; what is under
the pointer is looked up, not asked of the document.
"""

from __future__ import annotations

from skvm.cli.plan_trace_script_list import LIST_SCRIPT

__all__ = ["SCRIPT"]

_BASE = """
"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const S = D.strings, bars = D.bars, STATES = D.states;
const NODE = 0, TITLE = 1, STATE = 2, LANE = 3, READY = 4, START = 5, END = 6, TRY = 7, FLAGS = 8,
  PARENT = 9, AFTER = 10, MORE = 11;
const IS_MAP = 1, IS_AGAIN = 2;
const ROW = 22, BAR = 16, CHAR = 6.6;
const $ = id => document.getElementById(id);
const begin = at => bars[at][START] === null ? bars[at][END] : bars[at][START];
const critical = new Set(D.critical);
const lanes = Array.from({length: D.lanes}, () => []);
const marks = [];
const behind = bars.map(() => []);
let edges = 0;
bars.forEach((bar, at) => {
  (bar[START] === null ? marks : lanes[bar[LANE]]).push(at);
  for (const before of bar[AFTER]) { behind[before].push(at); edges++; }
});
for (const lane of lanes) lane.sort((one, other) => begin(one) - begin(other));
marks.sort((one, other) => bars[one][END] - bars[other][END]);
if (marks.length) lanes.push(marks);
const laneOf = at => bars[at][START] === null ? lanes.length - 1 : bars[at][LANE];
const haystack = bars.map(bar =>
  (S[bar[NODE]] + " " + S[bar[TITLE]] + " " + (bar[MORE].group || "")).toLowerCase());
const length = Math.max(D.wall, 1e-6);
const FULL = {a: -length * 0.012, b: length * 1.015};
let view = {...FULL}, chosen = -1, hovered = -1, width = 0, isOnlyCritical = false;
let fits = () => true, isFiltered = false;

function span(s) {
  if (s === 0) return "0 s";
  if (s < 0.9995) return s < 0.00995 ? (s * 1000).toFixed(1) + " ms" : (s * 1000).toFixed(0) + " ms";
  if (s < 99.95) return s.toFixed(1) + " s";
  const whole = Math.round(s);
  if (whole < 3600) return Math.floor(whole / 60) + " min " + whole % 60 + " s";
  const minutes = Math.round(s / 60);
  return Math.floor(minutes / 60) + " h " + minutes % 60 + " min";
}
function make(name, parent, kind, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  if (kind) made.setAttribute("class", kind);
  for (const key in attributes || {}) made.setAttribute(key, attributes[key]);
  parent.append(made);
  return made;
}
function add(parent, name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  parent.append(made);
  return made;
}
function kindOf(at) {
  const bar = bars[at];
  if (bar[FLAGS] & IS_AGAIN) return "again";
  if (bar[FLAGS] & IS_MAP && STATES[bar[STATE]] === "done") return "map";
  return STATES[bar[STATE]].replace(" ", "-");
}
const SIGNS = {failed: "\\u2715 ", uncertain: "? ", "cut short": "\\u2026 ", cancelled: "\\u2013 "};
function nameOf(at) {
  const node = S[bars[at][NODE]], title = S[bars[at][TITLE]];
  return title === node || title.startsWith(node) ? title : node + " " + title;
}
const signOf = at => (SIGNS[STATES[bars[at][STATE]]] || "") + (bars[at][FLAGS] & IS_AGAIN ? "\\u21bb " : "");
const labelOf = at => signOf(at) + nameOf(at);
/* Of an item, what it is about: the rest is said by the row above. */
function shortOf(at) {
  const item = bars[at][PARENT] < 0 ? null : /^[^\\[]*\\[(.*)\\]$/s.exec(S[bars[at][NODE]]);
  return item ? signOf(at) + item[1] : labelOf(at);
}
"""

_DRAWING = """
const x = t => (t - view.a) / (view.b - view.a) * width;
/* The place of the first bar of a row that ends at or after a time; bars of a row end in their order. */
function firstIn(lane, t) {
  let low = 0, high = lane.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bars[lane[middle]][END] < t) low = middle + 1; else high = middle;
  }
  return low;
}
const ORDER = ["wait", "map", "again", "done", "left", "cancelled", "running", "cut-short", "uncertain",
  "failed", "critical"];
let isAsked = false;
function ask() {
  if (isAsked) return;
  isAsked = true;
  requestAnimationFrame(() => { isAsked = false; draw(); });
}
function draw() {
  const rows = $("rows"), svg = $("bars");
  width = rows.clientWidth;
  if (!width) return;
  const height = Math.min(rows.clientHeight, lanes.length * ROW + 4);
  for (const [id, high] of [["bars", height], ["levels", 54], ["axis", 22]]) {
    $(id).setAttribute("viewBox", "0 0 " + width + " " + high);
    $(id).style.width = width + "px";
  }
  svg.style.height = height + "px";
  svg.replaceChildren();
  const top = Math.max(0, Math.floor(rows.scrollTop / ROW) - 1);
  const bottom = Math.min(lanes.length, Math.ceil((rows.scrollTop + height) / ROW) + 1);
  drawGrid(svg, height);
  drawBars(svg, top, bottom, rows.scrollTop);
  drawArrows(svg, top, bottom, rows.scrollTop);
  outline(svg, hovered, "hovered", rows.scrollTop);
  outline(svg, chosen, "chosen", rows.scrollTop);
  drawLevels();
}
function ticks() {
  const rough = (view.b - view.a) * 110 / width;
  let step = 10 ** Math.floor(Math.log10(rough));
  for (const times of [1, 2, 5, 10]) if (step * times >= rough) { step *= times; break; }
  if (rough > 10) step = [15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400]
    .find(each => each >= rough) || Math.ceil(rough / 86400) * 86400;
  const found = [];
  for (let at = Math.max(0, Math.ceil(view.a / step)); at * step <= view.b && found.length < 99; at++)
    found.push(at * step);
  return found;
}
function drawGrid(svg, height) {
  const axis = $("axis");
  axis.replaceChildren();
  for (const t of ticks()) {
    const at = x(t).toFixed(1);
    make("line", svg, "grid", {x1: at, x2: at, y1: 0, y2: height});
    const shown = make("text", axis, "", {x: at, y: 15});
    shown.setAttribute("text-anchor", x(t) < 20 ? "start" : x(t) > width - 30 ? "end" : "middle");
    shown.textContent = tickWords(t);
  }
  D.legs.forEach(([, ends, , isCut], number) => {
    const next = D.legs[number + 1];
    if (!isCut && !next) return;
    const at = x(ends).toFixed(1);
    make("line", svg, isCut ? "leg cut" : "leg", {x1: at, x2: at, y1: 0, y2: height});
  });
}
function tickWords(t) {
  const step = view.b - view.a;
  if (t === 0) return "0";
  if (step < 0.02) return (t * 1000).toFixed(step < 0.002 ? 2 : 1) + " ms";
  if (step < 2) return (t * 1000).toFixed(0) + " ms";
  if (step < 600) return t.toFixed(step < 10 ? 1 : 0) + " s";
  return span(t).replace(/ 0 (s|min)$/, "");
}
function drawBars(svg, top, bottom, scroll) {
  const paths = {}, labels = [];
  const put = (kind, isDim, text) => (paths[kind + (isDim ? " dim" : "")] ||= []).push(text);
  for (let row = top; row < bottom; row++) {
    const lane = lanes[row], y = row * ROW + 3 - scroll, filled = {};
    for (let place = firstIn(lane, view.a); place < lane.length; place++) {
      const at = lane[place], bar = bars[at], left = x(begin(at));
      if (left > width) break;
      const kind = kindOf(at), isDim = isFiltered && !fits(at);
      if (bar[START] === null) { drawMark(put, kind, isDim, left, y, filled); continue; }
      const before = place ? bars[lane[place - 1]][END] : -Infinity;
      const ready = Math.max(bar[READY], before), from = Math.max(x(ready), -5);
      if (left - from > 1.5) put("wait", isDim, box(from, y + 6.5, left - from, 3));
      const right = Math.min(x(bar[END]), width + 5), start = Math.max(left, -5);
      const wide = Math.max(right - start - (right - start > 3 ? 1 : 0), kind === "failed" ? 2.5 : 1);
      // Bars that would fill the same column of dots are one.
      const dot = Math.floor(start);
      if (wide <= 1.01 && filled[kind] === dot) continue;
      filled[kind] = dot;
      put(kind, isDim, box(start, y, wide, BAR));
      if (critical.has(at)) put("critical", isDim, box(start, y + BAR - 2.5, wide, 2.5));
      if (labels.length < 500 && !isDim) {
        const next = place + 1 < lane.length ? lane[place + 1] : -1;
        const limit = next < 0 ? width : x(Math.max(bars[next][READY], bar[END]));
        label(labels, at, Math.max(start, 0), Math.min(right, width), limit, y, kind);
      }
    }
  }
  for (const kind of ORDER) for (const dim of [" dim", ""]) if (paths[kind + dim])
    make("path", svg, "s-" + kind + dim, {d: paths[kind + dim].join("")});
  for (const [text, left, y, kind] of labels)
    make("text", svg, kind, {x: left.toFixed(1), y: y + 12}).textContent = text;
}
const box = (left, y, wide, high) =>
  "M" + left.toFixed(1) + " " + y + "h" + wide.toFixed(1) + "v" + high + "h-" + wide.toFixed(1) + "z";
function drawMark(put, kind, isDim, left, y, filled) {
  const dot = Math.floor(left / 2);
  if (filled[kind] === dot) return;
  filled[kind] = dot;
  put(kind, isDim, "M" + left.toFixed(1) + " " + (y + 1) + "l7 7l-7 7l-7 -7z");
}
function label(labels, at, left, right, limit, y, kind) {
  const text = shortOf(at), inside = Math.floor((right - left - 8) / CHAR);
  const outside = Math.floor((Math.min(limit, width) - right - 10) / CHAR);
  const hollow = kind === "map" || kind === "cut-short" || kind === "again";
  const cut = most => text.length <= most ? text : text.slice(0, most - 1) + "\\u2026";
  if (inside >= Math.min(text.length, 6) && inside >= 3 && (inside >= text.length || inside >= outside))
    labels.push([cut(inside), left + 4, y, hollow ? "out" : "in"]);
  else if (outside >= 6) labels.push([cut(outside), right + 4, y, "out"]);
}
function drawArrows(svg, top, bottom, scroll) {
  const arrow = (from, to, kind) => {
    if (bars[from][START] === null || bars[to][START] === null) return;
    const [one, two] = [laneOf(from), laneOf(to)];
    if (Math.max(one, two) < top || Math.min(one, two) >= bottom) return;
    const x1 = x(bars[from][END]), x2 = x(begin(to));
    if (x2 < -20 || x1 > width + 20) return;
    const y1 = one * ROW + 11 - scroll, y2 = two * ROW + 11 - scroll;
    const bend = Math.max(8, Math.min(40, (x2 - x1) / 2));
    const d = "M" + [x1, y1] + "C" + [x1 + bend, y1, x2 - bend, y2, x2, y2];
    make("path", svg, "arrow " + kind, {d});
  };
  if (edges <= 400 && !isFiltered) bars.forEach((bar, at) => bar[AFTER].forEach(from => arrow(from, at, "")));
  if (chosen < 0) return;
  for (const from of bars[chosen][AFTER].slice(0, 500)) arrow(from, chosen, "before");
  for (const to of behind[chosen].slice(0, 500)) arrow(chosen, to, "behind");
}
function outline(svg, at, kind, scroll) {
  if (at < 0) return;
  const left = x(begin(at)), y = laneOf(at) * ROW + 3 - scroll;
  if (bars[at][START] === null) { make("rect", svg, kind, {x: left - 8, y, width: 16, height: BAR}); return; }
  const wide = Math.max(x(bars[at][END]) - left, 2);
  make("rect", svg, kind, {x: Math.max(left, -9) - 1.5, y: y - 1.5, rx: 2,
    width: Math.min(wide + Math.min(left + 9, 0), width + 20) + 2, height: BAR + 3});
}
function drawLevels() {
  const svg = $("levels"), columns = new Int32Array(Math.ceil(width)), levels = D.running;
  const most = levels.reduce((found, [, level]) => Math.max(found, level), 1);
  levels.forEach(([t, level], at) => {
    const from = Math.max(0, Math.floor(x(t)));
    const until = at + 1 < levels.length ? Math.ceil(x(levels[at + 1][0])) - 1 : from;
    const to = Math.min(columns.length - 1, until);
    for (let dot = from; dot <= to; dot++) columns[dot] = Math.max(columns[dot], level);
  });
  const y = level => (52 - level / most * 38).toFixed(1);
  let d = "M0 52", last = 0;
  columns.forEach((level, dot) => { if (level !== last) { d += "H" + dot + "V" + y(level); last = level; } });
  svg.replaceChildren();
  make("path", svg, "area", {d: d + "H" + width + "V52z"});
  make("text", svg, "", {x: 2, y: 11}).textContent = "at once: up to " + most.toLocaleString("en");
  D.legs.forEach(([begins, , idle], number) => {
    if (!number || x(begins) < 0 || x(begins) > width) return;
    make("line", svg, "leg", {x1: x(begins), x2: x(begins), y1: 0, y2: 54});
    const shown = make("text", svg, "", {x: x(begins) + (x(begins) > width / 2 ? -4 : 4), y: 24});
    shown.setAttribute("text-anchor", x(begins) > width / 2 ? "end" : "start");
    shown.textContent = "taken up again after " + span(idle);
  });
}
"""

_MOVING = """
function look(a, b) {
  const wide = Math.min(Math.max(b - a, length * 1e-6), FULL.b - FULL.a);
  const from = Math.min(Math.max(a, FULL.a), FULL.b - wide);
  view = {a: from, b: from + wide};
  ask();
}
function zoom(times, at) {
  const middle = at === undefined ? (chosen < 0 ? (view.a + view.b) / 2 : inView(begin(chosen))) : at;
  look(middle - (middle - view.a) * times, middle + (view.b - middle) * times);
}
const inView = t => t >= view.a && t <= view.b ? t : (view.a + view.b) / 2;
function under(event) {
  const box = $("rows").getBoundingClientRect();
  const row = Math.floor((event.clientY - box.top + $("rows").scrollTop) / ROW), lane = lanes[row];
  if (!lane) return -1;
  const dot = (view.b - view.a) / width, isMark = lane === marks;
  const t = view.a + (event.clientX - box.left) * dot, near = dot * (isMark ? 9 : 4);
  let best = -1, least = near;
  for (let place = firstIn(lane, t - near); place < lane.length && begin(lane[place]) <= t + near; place++) {
    const far = Math.max(begin(lane[place]) - t, t - bars[lane[place]][END], 0);
    if (far < least) { least = far; best = lane[place]; }
    if (far === 0) break;
  }
  return best;
}
function choose(at, isMoved) {
  chosen = at;
  if (at >= 0 && isMoved) {
    const rows = $("rows"), y = laneOf(at) * ROW;
    if (y < rows.scrollTop) rows.scrollTop = y - ROW;
    else if (y + ROW > rows.scrollTop + rows.clientHeight) rows.scrollTop = y + 2 * ROW - rows.clientHeight;
    const from = begin(at), to = bars[at][END], wide = view.b - view.a;
    const edge = wide * 0.02, middle = (from + to) / 2;
    if (to < view.a + edge || from > view.b - edge) look(middle - wide / 2, middle + wide / 2);
  }
  show();
  history.replaceState(null, "", at < 0 ? location.pathname + location.search : "#step-" + at);
  ask();
}
function step(direction) {
  if (chosen < 0) return choose(0, true);
  const lane = lanes[laneOf(chosen)], place = lane.indexOf(chosen) + direction;
  if (lane[place] !== undefined) choose(lane[place], true);
}
function leap(direction) {
  if (chosen < 0) return choose(0, true);
  const row = laneOf(chosen) + direction, lane = lanes[row];
  if (!lane || !lane.length) return;
  const t = begin(chosen), place = firstIn(lane, t);
  const near = lane.slice(Math.max(0, place - 1), place + 2);
  const far = at => Math.abs(begin(at) - t);
  choose(near.reduce((one, other) => far(other) < far(one) ? other : one), true);
}
const KEYS = {
  ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowUp: () => leap(-1), ArrowDown: () => leap(1),
  Home: () => choose(0, true), End: () => choose(bars.length - 1, true),
  "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: () => look(FULL.a, FULL.b),
  c: () => onlyCritical(), Enter: () => $("node").querySelector("h2")?.focus(),
  Escape: () => choose(-1, false)};
$("rows").addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
let held = null;
$("rows").addEventListener("pointerdown", event => {
  if (event.button === 0 && event.offsetX < $("rows").clientWidth)
    held = {x: event.clientX, view: {...view}, isMoved: false, id: event.pointerId};
});
$("rows").addEventListener("pointermove", event => {
  if (held && event.buttons) {
    const far = event.clientX - held.x;
    if (!held.isMoved && Math.abs(far) < 5) return;
    if (!held.isMoved) { held.isMoved = true; $("rows").setPointerCapture(held.id); tip(-1); }
    $("rows").classList.add("moving");
    const t = far / width * (held.view.b - held.view.a);
    look(held.view.a - t, held.view.b - t);
    return;
  }
  const at = under(event);
  if (at !== hovered) { hovered = at; ask(); }
  tip(at, event);
});
$("rows").addEventListener("pointerup", event => {
  if (held && !held.isMoved) choose(under(event), false);
  held = null;
  $("rows").classList.remove("moving");
});
$("rows").addEventListener("pointercancel", () => { held = null; $("rows").classList.remove("moving"); });
$("rows").addEventListener("pointerleave", () => { tip(-1); if (hovered >= 0) { hovered = -1; ask(); } });
$("rows").addEventListener("scroll", ask);
$("rows").addEventListener("wheel", event => {
  const dot = (view.b - view.a) / width;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    const t = view.a + (event.clientX - $("rows").getBoundingClientRect().left) * dot;
    zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 100), t);
  } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    event.preventDefault();
    look(view.a + event.deltaX * dot, view.b + event.deltaX * dot);
  }
}, {passive: false});
function tip(at, event) {
  const box = $("tip");
  box.hidden = at < 0;
  if (at < 0) return;
  const bar = bars[at];
  const took = bar[START] === null ? "never began" : span(bar[END] - bar[START]);
  box.textContent = labelOf(at).slice(0, 160) + " \\u00b7 " + STATES[bar[STATE]] + " \\u00b7 " + took;
  const left = Math.min(event.clientX + 14, innerWidth - box.offsetWidth - 8);
  box.style.left = Math.max(4, left) + "px";
  const isLow = event.clientY + 60 > innerHeight;
  box.style.top = event.clientY + (isLow ? -box.offsetHeight - 10 : 18) + "px";
}
function onlyCritical() {
  isOnlyCritical = !isOnlyCritical;
  document.querySelector('[data-do="critical"]').setAttribute("aria-pressed", isOnlyCritical);
  refilter();
}
"""

SCRIPT = _BASE + _DRAWING + _MOVING + LIST_SCRIPT
