// The document that is open: what became of it, and its text.
import { OTHER_DOCUMENT, OTHER_LIST, addressOf, go, state } from "./address.js";
import { beside, gone, notes, other, rules, scores } from "./around.js";
import { ask, run } from "./asking.js";
import { byId, el, link, redraw } from "./elements.js";
import { goesOn, isBusy, nameOf, rows } from "./list.js";
import { hiddenOf, pieces, showFound, toneOf } from "./marks.js";
import { amount, legible, number, several, size, sum } from "./words.js";

const VIEWS = { curated: "as kept", input: "as it came" };
let told = "";

// Whatever is shown is asked for anew.
export function forget() { told = ""; }

// Opens the document of the address, else the first of the list.
export async function open(now) {
  let doc = now.doc;
  if (!doc && rows.length) {
    doc = nameOf(rows[0]);
    history.replaceState(null, "", addressOf({ doc }));
  }
  pointOut(doc);
  const article = byId("document");
  const wanted = JSON.stringify([doc, now.view, now.from, now.marks, now.q, now.in, now.verdict === "quarantined"]);
  if (told === wanted) return;
  told = wanted;
  if (!doc) { article.replaceChildren(); return; }
  article.classList.add("busy");
  try {
    const made = await drawn(doc, now);
    if (told !== wanted) return;
    redraw(article, ...made);
    const isOther = article.dataset.doc !== doc;
    article.dataset.doc = doc;
    showFound();
    if (isOther && article.getBoundingClientRect().top < 0) article.scrollIntoView({ block: "start", behavior: "instant" });
  } catch (error) {
    if (told !== wanted) return;
    told = "";
    article.replaceChildren();
    throw error;
  } finally { if (told === wanted || !told) article.classList.remove("busy"); }
}

// In the list, which is one stop of the Tab key: arrows go on from there.
function pointOut(doc) {
  const links = [...byId("rows").querySelectorAll("a")];
  const current = links.find((one) => one.dataset.doc === doc);
  for (const one of links) {
    one.tabIndex = one === (current ?? links[0]) ? 0 : -1;
    if (one !== current) one.removeAttribute("aria-current");
  }
  if (!current) return;
  current.setAttribute("aria-current", "true");
  const [row, pane] = [current, byId("rows").parentElement].map((one) => one.getBoundingClientRect());
  if (row.top < pane.top || row.bottom > pane.bottom) current.scrollIntoView({ block: "nearest", behavior: "instant" });
  if (byId("rows").contains(document.activeElement)) current.focus({ preventScroll: true });
}

async function drawn(doc, now) {
  const at = doc.lastIndexOf(":");
  const asked = { shard: doc.slice(0, at), line: doc.slice(at + 1) };
  if (now.verdict === "quarantined") return badLine(await ask("line", asked));
  const find = now.q && now.in !== "id" ? now.q : "";
  const shown = await ask("document", { ...asked, view: now.view, from: now.from, find });
  document.title = `${legible(shown.explained.id)} · ${run.name}`;
  return [header(shown), beside(shown), toolbar(shown.text, now), ...body(shown.text, now),
    gone(shown), notes(shown), rules(shown), scores(shown), otherFields(shown)].filter(Boolean);
}

function badLine(line) {
  return [
    el("header", {}, turns(), el("h2", {}, legible(`${line.uri}, line ${number(line.line)}`)),
      el("p", { class: "outcome" }, el("span", { class: "verdict quarantined" }, "quarantined: "), legible(line.reason))),
    el("pre", { class: "text", tabindex: "0", dir: "auto" }, ...pieces(line.pieces, [])),
  ];
}

// ---- from one document to the next
const place = () => rows.findIndex((row) => nameOf(row) === state().doc);

function turns() {
  const button = (text, key, step, disabled) => el("button",
    { type: "button", "aria-keyshortcuts": key, "data-key": text, onclick: () => turn(step), "aria-disabled": disabled ? "true" : null }, text);
  return el("span", { class: "turns" }, button("Previous", "k", -1, place() <= 0),
    button("Next", "j", 1, place() + 1 >= rows.length && !goesOn));
}

export function turn(step) {
  if (isBusy()) return;  // these are not the documents any more
  const next = place() + step;
  if (next >= 0 && next < rows.length) go({ ...OTHER_DOCUMENT, doc: nameOf(rows[next]) }, true);
  else if (step > 0 && goesOn) go({ ...OTHER_LIST, after: goesOn });
}

// ---- what became of it
function header(shown) {
  const it = shown.explained;
  return el("header", {}, turns(), el("h2", { dir: "auto" }, legible(it.id)), el("p", { class: "outcome" }, ...outcome(shown)),
    el("p", { class: "quiet" }, `${legible(it.source)} · ${legible(it.uri)}, line ${number(it.line)} · ${size(it.bytes)}`));
}

function outcome({ explained: it, held_out: heldOut }) {
  if (it.dropped_by) return [el("span", { class: "verdict dropped" }, "dropped"), ` by ${legible(it.dropped_by)}`];
  if (it.duplicate) {
    const { entry, method, kept_id: kept, kept_shard: shard, kept_row: row, similarity } = it.duplicate;
    return [el("span", { class: "verdict duplicate" }, "duplicate"), `, removed by dedup entry ${entry} (${method})`,
      ...(kept === null ? [] : [" for ", other(shard, row, kept), similarity === null ? "" : `, similarity ${amount(similarity)}`])];
  }
  const parts = [el("span", { class: "verdict kept" }, "kept")];
  if (it.kept_for) parts.push(`, ${several(it.kept_for, "copy", "copies")} went for it`);
  if (it.cuts.length) parts.push(`, ${size(sum(it.cuts.map((cut) => cut.end - cut.start)))} cut out of it`);
  if (heldOut) parts.push(", held out of the mix");
  else if (it.copies !== null) parts.push(it.copies ? `, ${several(it.copies, "time", "times")} in the mix` : ", not used in the mix");
  return parts;
}

// ---- its text
function toolbar(text, now) {
  const found = text.marks.find((one) => one.column === "search");
  return el("div", { class: "toolbar" }, text.views.length > 1 ? viewChips(text) : "", markChips(text, now),
    found ? el("span", { class: "quiet" }, several(found.spans, "match", "matches")) : "");
}

function viewChips(text) {
  return el("fieldset", { class: "chips" }, el("legend", {}, "Text"), ...text.views.map((view) => el("label", {},
    el("input", { type: "radio", name: "view", value: view, "data-key": `view ${view}`, checked: view === text.view, onchange: () => go({ view, from: "" }, true) }),
    el("span", {}, VIEWS[view]))));
}

function markChips(text, now) {
  const hidden = hiddenOf(text, now);
  const columns = text.marks.filter((one) => one.column !== "search");
  if (!columns.length) return "";
  return el("fieldset", { class: "chips" }, el("legend", {}, "Marks"), ...columns.map(({ column, spans }, k) => {
    const dot = el("span", { class: "dot" });
    dot.style.background = column === "cut" ? "var(--removed)" : toneOf(text.marks.indexOf(columns[k]));
    const toggle = (event) => {
      if (event.target.checked) hidden.delete(column); else hidden.add(column);
      go({ marks: columns.map((one) => one.column).filter((name) => !hidden.has(name)).join(",") || "none" }, true);
    };
    return el("label", {}, el("input", { type: "checkbox", "data-key": `mark ${column}`, checked: !hidden.has(column), onchange: toggle }),
      el("span", {}, dot, legible(`${column} ${number(spans)}`)));
  }));
}

function body(text, now) {
  const made = [];
  if (text.note) made.push(el("p", { class: "note" }, legible(text.note)));
  if (text.pieces.length || !text.note) {
    made.push(el("pre", { class: "text", tabindex: "0", dir: "auto", "aria-label": "Text" }, ...pieces(text.pieces, text.marks, hiddenOf(text, now))));
  }
  if (text.end - text.start < text.bytes && text.pieces.length) {
    const step = Math.max(1, text.end - text.start);
    made.push(el("p", { class: "stretch" }, `bytes ${number(text.start)} to ${number(text.end)} of ${number(text.bytes)}`,
      text.start ? link({ from: String(Math.max(0, text.start - step)) }, {}, "before") : "",
      text.end < text.bytes ? link({ from: String(text.end) }, {}, "after") : ""));
  }
  return made;
}

function otherFields({ metadata }) {
  if (!metadata.length) return "";
  return el("section", {}, el("details", {}, el("summary", {}, "Other fields of its line"),
    el("pre", { class: "text", tabindex: "0" }, ...pieces(metadata, []))));
}
