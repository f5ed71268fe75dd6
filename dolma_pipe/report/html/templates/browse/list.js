// The list of documents that are chosen, and where it goes on.
import { OTHER_DOCUMENT, OTHER_LIST } from "./address.js";
import { ask, entryName, numberOf } from "./asking.js";
import { byId, el, link } from "./elements.js";
import { pieces } from "./marks.js";
import { legible, number, several, size, tail, valueOf } from "./words.js";

export let rows = [];
export let goesOn = null;
let asking = 0;
let listed = "";

const ASKED = ["source", "verdict", "column", "min", "max", "is", "order", "after"];

function questionOf(now) {
  const asked = Object.fromEntries(ASKED.map((key) => [key, now[key]]));
  if (now.q) asked[now.in === "id" ? "id" : "text"] = now.q;
  return asked;
}

export const nameOf = (row) => `${row.shard}:${row.line}`;
export const isBusy = () => byId("rows").classList.contains("busy");
export const isListed = (now) => JSON.stringify(questionOf(now)) === listed;

// Lists what is asked for, or looks on from where the answer before has stopped. Returns false
// where something else was asked for meanwhile.
export async function list(now, onward = null) {
  const mine = ++asking;
  listed = JSON.stringify(questionOf(now));
  byId("rows").classList.add("busy");
  let answer;
  try { answer = await ask("documents", { ...questionOf(now), ...(onward ? { after: onward } : {}) }); }
  catch (error) {
    if (mine !== asking) return false;
    rows = [];
    listed = "";
    drawRows(now);
    byId("more").replaceChildren();
    byId("found").textContent = "";
    throw error;
  }
  if (mine !== asking) return false;
  rows = onward ? [...rows, ...answer.rows] : answer.rows;
  goesOn = answer.next;
  drawRows(now);
  drawMore(now, answer);
  byId("found").textContent = told(now, answer);
  if (!rows.length && answer.next && !answer.full) return list(now, answer.next);
  return true;
}

function drawRows(now) {
  const found = byId("rows");
  found.classList.remove("busy");
  found.replaceChildren(...rows.map((row) => {
    const facts = [el("span", { class: `verdict ${row.verdict}` }, verdictOf(row)), row.cut ? el("span", {}, "cut") : "", el("span", {}, size(row.bytes))];
    if (now.column) facts.push(el("span", { class: "row-value" }, valueOf(row.value)));
    return el("li", {}, link({ ...OTHER_DOCUMENT, doc: nameOf(row) }, { "data-doc": nameOf(row) },
      el("span", { class: "id", title: legible(row.id) }, tail(row.id)),
      el("span", { class: "row-facts" }, ...facts),
      row.excerpt.length ? el("span", { class: "around" }, ...pieces(row.excerpt, [{ column: "search" }])) : ""));
  }));
}

function verdictOf(row) {
  if (row.verdict === "duplicate") return `duplicate, ${entryName(row.by)}`;
  return row.verdict === "kept" ? "kept" : legible(row.by);
}

// Ways on: the next documents, or the next ones to look at.
function drawMore(now, answer) {
  const parts = [];
  const onward = (text) => link({ ...OTHER_LIST, after: answer.next }, { rel: "next" }, text);
  if (now.after) parts.push(link({ ...OTHER_LIST }, {}, "From the beginning"));
  if (answer.next && answer.full) parts.push(onward("Next documents"));
  if (answer.next && !answer.full) {
    const look = () => dispatchEvent(new CustomEvent("look-on", { detail: answer.next }));
    parts.push(answer.shards ? onward("Order the next shards") : el("button", { type: "button", onclick: look }, "Go on looking"),
      el("progress", { max: answer.of, value: answer.lines, "aria-label": "looked at" }),
      el("span", {}, `${number(answer.lines)} of ${number(answer.of)} lines looked at`));
  }
  parts.push(...answer.notes.map((note) => el("p", { class: "note" }, legible(note))));
  byId("more").replaceChildren(...parts);
}

// How many they are, as far as it is known.
function told(now, answer) {
  const names = now.verdict === "quarantined" ? ["line", "lines"] : ["document", "documents"];
  if (!rows.length) return answer.next ? "None yet …" : `No ${names[0]}${now.after ? " more" : ""}.`;
  const [first, last] = answer.shards ?? [];
  const within = first !== last && answer.next && !answer.full ? `, ordered within ${legible(first)} to ${legible(last)}` : "";
  const all = now.column || now.q || now.after ? null : numberOf(now);
  if (all !== null) return (rows.length < all ? `${number(rows.length)} of ` : "") + several(all, ...names) + within;
  return several(rows.length, ...names) + (now.after ? " more" : "") + (answer.next && answer.full ? ", and others" : "") + within;
}
