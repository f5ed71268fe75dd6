// Elements: words of documents are text in them, never markup.
import { addressOf, go } from "./address.js";
import { legible } from "./words.js";

export const byId = (id) => document.getElementById(id);

export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

// New children, with the keyboard's focus where it was: at the element of the same data-key.
export function redraw(parent, ...children) {
  const at = document.activeElement;
  const key = parent.contains(at) ? at.dataset.key : undefined;
  parent.replaceChildren(...children);
  if (key !== undefined) parent.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

// A link to another state of the page; with a modifier it opens as any other.
export function link(changes, given, ...children) {
  const follow = (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(changes);
  };
  return el("a", { href: addressOf(changes), onclick: follow, ...given }, ...children);
}

// A name that may be broken behind its points and underscores.
export const breakable = (name) => legible(name).split(/(?<=[._])/).flatMap((part, k) => k ? [el("wbr"), part] : [part]);

export function table(head, rows) {
  return el("div", { class: "wide" }, el("table", {},
    el("thead", {}, el("tr", {}, ...head.map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, ...rows)));
}

export function failed(error) {
  byId("failure").hidden = !error;
  byId("failure").textContent = error ? error.message : "";
}
