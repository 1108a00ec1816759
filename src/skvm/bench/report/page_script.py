"""The script of the page: the filter, and what a cell holds when it is opened.

It reads the data block with ``JSON.parse`` and writes with ``textContent`` only, so nothing a task or a model
said becomes markup.
"""

from __future__ import annotations

__all__ = ["SCRIPT"]

SCRIPT = """
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const table = document.getElementById("tasks");
const form = document.getElementById("filter");
const box = document.getElementById("cell");
const rows = [...table.tBodies[0].rows];
const FIRST = 2;

function filter() {
  const words = form.text.value.toLowerCase().split(/\\s+/).filter(Boolean);
  const category = form.category.value, outcome = form.outcome.value;
  const only = form.condition.value === "" ? -1 : Number(form.condition.value);
  let shown = 0;
  for (const row of rows) {
    const text = row.cells[0].textContent.toLowerCase();
    let fits = words.every(word => text.includes(word));
    fits = fits && (category === "" || row.dataset.c === category);
    if (fits && outcome !== "") {
      const cells = [...row.cells].slice(FIRST).filter((_, at) => only < 0 || at === only);
      fits = cells.some(cell => (cell.dataset.o || "").split(" ").includes(outcome));
    }
    row.hidden = !fits;
    shown += fits;
  }
  for (const row of [table.tHead.rows[0], ...rows])
    for (let at = FIRST; at < row.cells.length; at++) row.cells[at].hidden = only >= 0 && at - FIRST !== only;
  form.shown.value = shown === rows.length ? shown + " tasks" : shown + " of " + rows.length + " tasks";
}

function add(parent, name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  parent.append(made);
  return made;
}

function grid(parent, headings, lines) {
  const made = add(parent, "table");
  const head = add(add(made, "thead"), "tr");
  for (const heading of headings) add(head, "th", heading).scope = "col";
  const body = add(made, "tbody");
  for (const line of lines) {
    const row = add(body, "tr");
    for (const value of line) add(row, "td", value);
  }
}

const score = value => value === null ? "\\u2013" : value.toFixed(2);

function showRun(parent, run) {
  const [id, repetition, outcome, value, tokens, cost, ms, steps, detail, criteria, page] = run;
  add(parent, "h3", "Repetition " + repetition + ": " + score(value) + ", " + data.strings[outcome]);
  const money = cost === null ? "cost unknown" : "$" + cost.toFixed(4);
  add(parent, "p", tokens.toLocaleString("en") + " tokens, " + (ms / 1000).toFixed(1) + " s, " + steps +
    " steps, " + money, "soft");
  if (detail >= 0) add(parent, "p", data.strings[detail]);
  if (criteria.length) grid(parent, ["criterion", "method", "score", "what the grader said"],
    criteria.map(([name, method, value, said]) =>
      [data.strings[name], data.strings[method], score(value), data.strings[said]]));
  const line = add(parent, "p");
  if (page) {
    const link = add(line, "a", "Trajectory and grading of run " + id);
    link.href = "runs/" + encodeURIComponent(id) + ".html";
  } else {
    line.append("Its trajectory: ");
    add(line, "code", "skvm logs show " + id);
  }
}

function open() {
  const found = /^#cell-(\\d+)-(\\d+)$/.exec(location.hash);
  const runs = found && data.cells[found[1] + "-" + found[2]];
  if (!runs) { if (box.open) box.close(); return; }
  const row = rows[Number(found[1])];
  const body = document.getElementById("cell-body");
  body.replaceChildren();
  const title = row.cells[0].textContent + " \\u00b7 " + data.conditions[Number(found[2])];
  add(body, "h2", title).id = "cell-title";
  for (const run of runs) showRun(body, run);
  if (!box.open) box.showModal();
  box.scrollTop = 0;
}

form.addEventListener("input", filter);
form.addEventListener("submit", event => event.preventDefault());
addEventListener("hashchange", open);
box.addEventListener("click", event => { if (event.target === box) box.close(); });
document.getElementById("close").addEventListener("click", () => box.close());
box.addEventListener("close", () => {
  const link = [...table.querySelectorAll("td a")].find(each => each.hash === location.hash);
  history.replaceState(null, "", location.pathname + location.search);
  if (link) link.focus();
});
filter();
open();
"""
