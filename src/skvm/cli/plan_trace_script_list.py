"""The part of the script that shows words: what is known of the chosen step, the legend, the list."""

from __future__ import annotations

__all__ = ["LIST_SCRIPT"]

LIST_SCRIPT = """
const CHAIN = 40;
const many = number => number.toLocaleString("en");
function show() {
  const box = $("node");
  box.replaceChildren();
  if (chosen < 0) return;
  const bar = bars[chosen], more = bar[MORE], state = STATES[bar[STATE]];
  add(box, "h2", labelOf(chosen)).tabIndex = -1;
  const facts = document.createElement("dl");
  facts.className = "facts";
  const fact = (name, value) => { add(facts, "dt", name); return add(facts, "dd", value); };
  fact("State", state + (bar[FLAGS] & IS_AGAIN ? ", tried again later" : ""));
  if (more.reason) fact("Why", more.reason);
  if (more.exit !== undefined) fact("Exit code", String(more.exit));
  if (bar[START] === null) fact("Given up", "at " + span(bar[END]));
  else {
    fact("Ran", span(bar[END] - bar[START]) + ", from " + span(bar[START]) + " to " + span(bar[END]));
    const waited = bar[START] - bar[READY];
    fact("Waited", waited > 0.0005 ? span(waited) + " for a place" : "not at all");
  }
  if (bar[TRY] > 1) fact("Try", String(bar[TRY]));
  if (more.group) fact("Group", more.group);
  if (more.needs) fact("Needs", more.needs);
  if (more.calls) fact("Model calls", many(more.calls) + ", " + many(more.tokens || 0) + " tokens, " +
    (more.cost === undefined ? "cost unknown" : "$" + more.cost.toFixed(4)));
  if (more.files) fact("Files", more.files.join(", "));
  if (bar[PARENT] >= 0) links(fact("Item of"), [bar[PARENT]]);
  if (bar[AFTER].length) links(fact("Waits for"), bar[AFTER]);
  if (behind[chosen].length) links(fact("Awaited by"), behind[chosen]);
  box.append(facts);
  if (more.text) add(box, "pre", more.text);
}
function links(parent, places) {
  for (const at of places.slice(0, CHAIN)) goTo(parent, at, nameOf(at).slice(0, 80));
  if (places.length > CHAIN) add(parent, "span", "and " + (places.length - CHAIN) + " more");
}
function goTo(parent, at, text) {
  const button = add(parent, "button", text);
  button.type = "button";
  button.addEventListener("click", () => { choose(at, true); reveal(); });
}
function reveal() {
  $("trace").scrollIntoView({block: "nearest"});
  $("node").scrollIntoView({block: "nearest"});
  $("rows").focus({preventScroll: true});
}
function legend() {
  const box = $("legend"), kinds = new Set(bars.map((_, at) => kindOf(at)));
  const WORDS = {map: "goes through items", again: "tried again later", "cut-short": "cut short",
    wait: "waits for a place", critical: "critical path"};
  if (bars.some(bar => bar[START] !== null && bar[START] - bar[READY] > 0.0005)) kinds.add("wait");
  if (critical.size) kinds.add("critical");
  for (const kind of ORDER) {
    if (!kinds.has(kind)) continue;
    const line = add(box, "span"), svg = make("svg", line, "", {viewBox: "0 0 18 12"});
    const high = kind === "critical" || kind === "wait" ? 3 : 10;
    make("path", svg, "s-" + kind, {d: box_(1, (12 - high) / 2, 16, high)});
    line.append(WORDS[kind] || kind);
  }
  if (marks.length) add(box, "span", "\\u25c6 never began");
}
const box_ = (left, y, wide, high) => "M" + left + " " + y + "h" + wide + "v" + high + "h-" + wide + "z";

const form = $("tools");
let matching = [], sortBy = -1, isDown = false, limit = 100;
const COLUMNS = [
  ["step", at => S[bars[at][NODE]]], ["what", at => S[bars[at][TITLE]]],
  ["state", at => STATES[bars[at][STATE]] + (bars[at][FLAGS] & IS_AGAIN ? " (tried again)" : "")],
  ["began", at => bars[at][START]],
  ["waited", at => bars[at][START] === null ? null : bars[at][START] - bars[at][READY]],
  ["ran", at => bars[at][START] === null ? null : bars[at][END] - bars[at][START]],
  ["try", at => bars[at][TRY]]];
const FIGURES = 3, TRIES = 6;
function refilter() {
  const words = form.words.value.toLowerCase().split(/\\s+/).filter(Boolean), state = form.state.value;
  isFiltered = words.length > 0 || state !== "" || isOnlyCritical;
  fits = at => (state === "" || STATES[bars[at][STATE]] === state) && (!isOnlyCritical || critical.has(at)) &&
    words.every(word => haystack[at].includes(word));
  matching = bars.map((_, at) => at).filter(at => fits(at));
  form.shown.value = (isFiltered ? many(matching.length) + " of " : "") + many(bars.length) +
    (bars.length === 1 ? " step" : " steps");
  limit = 100;
  resort();
  ask();
}
function resort() {
  if (sortBy >= 0) {
    const value = COLUMNS[sortBy][1], sign = isDown ? -1 : 1;
    matching.sort((one, other) => {
      const [a, b] = [value(one), value(other)];
      if (a === null || b === null) return (a === null) - (b === null) || one - other;
      const found = typeof a === "number" ? a - b : a.localeCompare(b, "en", {numeric: true});
      return sign * found || one - other;
    });
  }
  list();
}
function list() {
  const table = $("steps");
  const body = table.tBodies[0];
  body.replaceChildren();
  for (const at of matching.slice(0, limit)) {
    const row = add(body, "tr");
    COLUMNS.forEach(([, value], column) => {
      const found = value(at), isTime = column >= FIGURES && column < TRIES;
      const kind = column >= FIGURES ? "figure" : column === 1 ? "what" : "short";
      const cell = add(row, column ? "td" : "th", "", kind);
      if (column) cell.textContent = found === null ? "\\u2013" : isTime ? span(found) : found;
      else { cell.scope = "row"; goTo(cell, at, found); }
    });
  }
  $("more").hidden = matching.length <= limit;
  $("more").textContent = "Show more of " + (matching.length - limit).toLocaleString("en");
}
function head() {
  const row = add(add($("steps"), "thead"), "tr");
  add($("steps"), "tbody");
  COLUMNS.forEach(([name], column) => {
    const cell = add(row, "th", "", column >= FIGURES ? "figure" : "");
    cell.scope = "col";
    const button = add(cell, "button", name);
    button.type = "button";
    button.addEventListener("click", () => {
      isDown = sortBy === column ? !isDown : column >= FIGURES;
      sortBy = column;
      for (const each of row.cells) each.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      resort();
    });
  });
}
const DO = {in: () => zoom(0.5), out: () => zoom(2), fit: () => look(FULL.a, FULL.b), critical: onlyCritical};
for (const button of form.querySelectorAll("[data-do]"))
  button.addEventListener("click", () => DO[button.dataset.do]());
for (const state of STATES.filter((_, at) => bars.some(bar => bar[STATE] === at)))
  form.state.append(new Option(state, state));
form.addEventListener("input", refilter);
form.addEventListener("submit", event => event.preventDefault());
$("more").addEventListener("click", () => { limit += 400; list(); });
$("node").addEventListener("keydown", event => { if (event.key === "Escape") $("rows").focus(); });
function follow() {
  const found = /^#step-(\\d+)$/.exec(location.hash);
  if (found && bars[Number(found[1])]) { choose(Number(found[1]), true); reveal(); }
}
addEventListener("hashchange", follow);
$("trace").hidden = $("list").hidden = false;
$("room").style.height = lanes.length * ROW + 4 + "px";
new ResizeObserver(ask).observe($("rows"));
matchMedia("print").addEventListener("change", ask);
legend();
head();
refilter();
draw();
follow();
"""
