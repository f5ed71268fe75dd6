// Spans in a text: which are marked, in which colour, and going from one to the next.
import { byId, el } from "./elements.js";

let at = -1;
let within = null;

export const toneOf = (k) => `var(--series-${k % 10 + 1})`;

// A text in pieces, with an element for each that a span covers.
export function pieces(stretch, marks, hidden = new Set()) {
  return stretch.map((piece) => {
    const text = piece.control ? el("span", { class: "control" }, piece.text) : piece.text;
    const shown = (piece.marks ?? []).filter((k) => !hidden.has(marks[k].column));
    const names = shown.map((k) => marks[k].column);
    if (!names.length) return text;
    if (names.includes("cut")) return el("del", { title: "cut out by stage 4" }, text);
    if (names.includes("search")) return el("mark", { class: "search" }, text);
    const made = el("mark", { title: names.join(", ") }, text);
    const rarest = shown.reduce((a, b) => marks[b].bytes < marks[a].bytes ? b : a);
    made.style.setProperty("--tone", toneOf(rarest));
    return made;
  });
}

// What is not marked: by the address, else what covers most of the text and would hide the rest.
export function hiddenOf(text, now) {
  const wanted = now.marks ? new Set(now.marks.split(",")) : null;
  const isHidden = ({ column, bytes }) => column !== "search"
    && (wanted ? !wanted.has(column) : column !== "cut" && bytes > text.bytes / 2);
  return new Set(text.marks.filter(isHidden).map((one) => one.column));
}

// Scrolls the text, not the page, to what was searched.
export function showFound() {
  const text = byId("document").querySelector("pre.text");
  const found = text?.querySelector("mark.search");
  if (found) text.scrollTop = found.getBoundingClientRect().top - text.getBoundingClientRect().top - text.clientHeight / 3;
}

export function nextMark() {
  const all = [...byId("document").querySelectorAll(".text mark, .text del")];
  if (!all.length) return;
  if (within !== all[0]) at = -1;  // of another document
  within = all[0];
  all[at]?.classList.remove("here");
  at = (at + 1) % all.length;
  all[at].classList.add("here");
  all[at].scrollIntoView({ block: "center" });
}
