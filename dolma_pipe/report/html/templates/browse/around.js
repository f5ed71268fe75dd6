// What is known of a document beside its text: its duplicates, rules and scores.
import { OTHER_DOCUMENT, go } from "./address.js";
import { ask, entryName } from "./asking.js";
import { el, failed, table } from "./elements.js";
import { pieces } from "./marks.js";
import { amount, legible, number, several, valueOf } from "./words.js";

// A link to another document, by the row of its curated shard.
export function other(shard, row, id) {
  const follow = async (event) => {
    event.preventDefault();
    try {
      const { explained: it } = await ask("document", { shard, row });
      go({ ...OTHER_DOCUMENT, doc: `${it.shard}:${it.line}` });
    } catch (error) { failed(error); }
  };
  return el("a", { href: "#document", class: "mono", onclick: follow }, legible(id));
}

// A duplicate and the document that stayed, side by side.
export function beside({ explained: it, row }) {
  const told = it.duplicate;
  if (!told || told.kept_id === null || row === null) return "";
  const section = el("div", { class: "beside" });
  ask("beside", { kept: told.kept_shard, kept_row: told.kept_row, copy: it.shard, copy_row: row })
    .then((both) => section.append(el("div", { class: "both" },
      side(both.kept, ["kept: ", other(told.kept_shard, told.kept_row, told.kept_id)], both.kept_only),
      side(both.copy, ["this one"], both.copy_only))))
    .catch((error) => section.append(el("p", { class: "note" }, legible(error.message))));
  return section;
}

const TAGS = { gone: "del", new: "ins", "left out": "span" };

function side(stretches, heading, only) {
  const text = stretches.flatMap(([kind, stretch]) => {
    const words = pieces(stretch, []);
    return kind === "same" ? words : [el(TAGS[kind], { class: kind === "left out" ? "left-out" : "" }, ...words)];
  });
  return el("div", {}, el("h4", {}, ...heading, ` · ${several(only, "word", "words")} of its own`),
    el("div", { class: "text", tabindex: "0", dir: "auto" }, ...text));
}

// Documents that went for it.
export function gone({ explained: it, gone: listed }) {
  if (!listed.length) return "";
  const rows = listed.map((one) => el("tr", {}, el("td", {}, other(one.shard, one.row, one.id)),
    el("td", {}, entryName(one.entry)), el("td", {}, valueOf(one.similarity))));
  const more = it.kept_for - listed.length;
  return el("section", {}, el("h3", {}, "Went for it"), table(["document", "entry", "similarity"], rows),
    more > 0 ? el("p", { class: "quiet" }, `and ${number(more)} more`) : "");
}

// What entries say that only annotate.
export function notes({ explained: it }) {
  if (!it.notes.length) return "";
  const told = ({ entry, method, verdict, size, first_id: first }) => `entry ${entry} (${method}): ${verdict}`
    + (size === null ? "" : ` of ${number(size)} copies`) + (first ? `, the first is ${first}` : "");
  return el("section", {}, el("h3", {}, "Noted by stage 4"),
    el("ul", {}, ...it.notes.map((note) => el("li", {}, legible(told(note))))));
}

export function rules({ explained: it, unscored }) {
  if (!it.verdicts.length) return "";
  const bound = (value) => value === null ? "–" : amount(value);
  const rows = it.verdicts.map((one) => el("tr", { class: one.reason ? "reason" : "" },
    el("th", { scope: "row", class: "mono" }, legible(one.column)),
    el("td", {}, valueOf(one.value)), el("td", {}, bound(one.minimum)), el("td", {}, bound(one.maximum)),
    el("td", {}, el("span", { class: `verdict ${one.kept ? "kept" : "dropped"}` }, one.kept ? "keeps" : one.reason ? "drops, the reason" : "drops"))));
  return el("section", {}, el("h3", {}, "Rules"), table(["column", "value", "min", "max", "verdict"], rows),
    unscored.length ? el("p", { class: "quiet" }, `${several(unscored.length, "column", "columns")} not looked at: it was dropped before.`) : "");
}

export function scores({ explained: it }) {
  if (!it.scores.length) return "";
  const items = it.scores.map((one) => el("li", {}, el("span", { class: "mono" }, legible(one.column)),
    el("span", {}, one.spans === null ? valueOf(one.value) : several(one.spans, "span", "spans"))));
  return el("section", {}, el("h3", {}, "Scores"), el("ul", { class: "scores" }, ...items));
}
