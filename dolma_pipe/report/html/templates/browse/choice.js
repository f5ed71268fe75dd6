// Which documents: by source, verdict, and a range of a column.
import { OTHER_LIST, go, state } from "./address.js";
import { counted, entryName, run } from "./asking.js";
import { breakable, byId, el, link, redraw } from "./elements.js";
import { amount, legible, number, several, sum } from "./words.js";

const SHOWN_MISSING = 100;
const NO_RANGE = { min: "", max: "", is: "", order: "" };

export function choices(now) {
  redraw(byId("sources"), el("h3", {}, "Source"), el("ul", {}, ...sources(now)));
  redraw(byId("verdicts"), el("h3", {}, "Verdict"), el("ul", {}, ...verdicts(now)));
  const missing = Object.entries(run.missing);
  byId("missing").replaceChildren(...(missing.length ? [el("details", {},
    el("summary", {}, several(missing.length, "shard is", "shards are") + " missing"),
    el("ul", {}, ...missing.slice(0, SHOWN_MISSING).map(([key, why]) => el("li", {}, legible(`${key}: ${why}`)))))] : []));
}

function choice(text, count, changes, current, under = "") {
  return el("li", {}, link({ ...OTHER_LIST, ...changes },
    { "aria-current": current ? "true" : null, class: count === 0 ? "none" : "", "data-key": text },
    el("span", {}, ...breakable(text)), el("span", { class: "number" }, count === null ? "" : number(count))), under);
}

function sources(now) {
  return [
    choice("all", counted("").all, { source: "" }, !now.source),
    ...run.sources.map((one) => choice(one.name, one.lines - one.quarantined, { source: one.name }, now.source === one.name)),
  ];
}

function verdicts(now) {
  const all = counted(now.source);
  const verdict = now.verdict || "all";
  const of = (text, count, name, under) => choice(text, count, { verdict: name }, verdict === name, under);
  const rules = run.rules.filter((rule) => all.dropped[rule] || verdict === `dropped:${rule}`).map((rule) => of(
    rule, all.dropped[rule] ?? 0, `dropped:${rule}`, verdict === `dropped:${rule}` ? borders(rule, all.of) : ""));
  const entries = run.entries.filter((one) => one.action !== "annotate").map((one) => of(
    entryName(one.number), all.duplicates[one.number - 1], `duplicate:${one.number}`));
  const found = [
    choice("all documents", all.all, { verdict: "" }, verdict === "all"),
    of("kept", all.kept, "kept"),
  ];
  if (run.cuts) found.push(of("kept, with cuts", null, "cut"));
  found.push(of("dropped", sum(Object.values(all.dropped)), "dropped", el("ul", {}, ...rules)));
  if (run.deduplicated) found.push(of("duplicates", sum(all.duplicates), "duplicate", el("ul", {}, ...entries)));
  const quarantined = { verdict: "quarantined", column: "", ...NO_RANGE, q: "" };
  found.push(choice("quarantined lines", all.quarantined, quarantined, verdict === "quarantined"));
  return found;
}

// Documents next to the border of a rule, on both sides of it.
function borders(rule, of) {
  const made = [];
  for (const side of [0, 1]) {
    const bounds = new Map();
    for (const one of of) {
      const at = one.ranges[rule]?.[side] ?? null;
      if (at !== null) bounds.set(at, [...(bounds.get(at) ?? []), one.name]);
    }
    for (const [at, names] of [...bounds].slice(0, 4)) {
      const source = bounds.size > 1 && names.length === 1 ? { source: names[0] } : {};
      const near = (text, changes) => link({ ...OTHER_LIST, ...source, column: rule, is: "", min: "", max: "", q: "", ...changes }, { "data-key": `${side} ${at} ${text}` }, text);
      const [low, high] = side ? ["kept", `dropped:${rule}`] : [`dropped:${rule}`, "kept"];
      made.push(el("span", {}, `${side ? "max" : "min"} ${amount(at)}${source.source ? ` (${source.source})` : ""}: `,
        near("just below", { max: String(at), order: "descending", verdict: low }), ", ",
        near("just above", { min: String(at), order: "ascending", verdict: high })));
    }
  }
  return made.length ? el("span", { class: "borders" }, ...made) : "";
}

// What is chosen, in the form of the range.
export function showRange(now) {
  const form = byId("range");
  const select = form.elements.column;
  if (select.options.length !== Object.keys(run.columns).length + 1) {
    const columns = Object.keys(run.columns).map((name) => el("option", { value: name }, legible(name)));
    select.replaceChildren(el("option", { value: "" }, "none"), ...columns);
  }
  select.value = now.column;
  const kind = run.columns[select.value];
  for (const name of ["min", "max", "is"]) {
    form.elements[name].value = now[name];
    form.elements[name].parentElement.hidden = !kind || (name === "is") !== (kind === "label");
  }
  form.elements.order.value = now.order || "input";
  form.elements.order.parentElement.hidden = !kind || kind === "label";
  form.querySelector("button").hidden = !kind;
  form.hidden = now.verdict === "quarantined";
}

export function listenToRange() {
  const form = byId("range");
  const apply = (event) => {
    event.preventDefault();
    const values = Object.fromEntries(["column", ...Object.keys(NO_RANGE)].map((name) => [name, form.elements[name].value]));
    if (values.order === "input") values.order = "";
    if (values.column !== state().column) Object.assign(values, NO_RANGE);
    if (run.columns[values.column] === "label") Object.assign(values, { min: "", max: "", order: "" });
    else values.is = "";
    if (values.order && state().in !== "id") values.q = "";
    go({ ...OTHER_LIST, ...values });
  };
  form.addEventListener("submit", apply);
  form.elements.column.addEventListener("change", apply);
  form.elements.order.addEventListener("change", apply);
}
