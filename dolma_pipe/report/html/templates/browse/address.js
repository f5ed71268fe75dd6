// The state of the page is its address: what is listed, which document is open, what is marked.
const KEYS = ["source", "verdict", "column", "min", "max", "is", "order", "q", "in", "after", "doc", "view", "from", "marks"];

export const OTHER_LIST = { after: "", doc: "", view: "", from: "" };
export const OTHER_DOCUMENT = { view: "", from: "" };

export function state() {
  const given = new URLSearchParams(location.search);
  return Object.fromEntries(KEYS.map((key) => [key, given.get(key) ?? ""]));
}

export function addressOf(changes) {
  const wanted = { ...state(), ...changes };
  return `?${new URLSearchParams(KEYS.filter((key) => wanted[key]).map((key) => [key, wanted[key]]))}`;
}

// Goes there; who draws the page hears of it as of a step in the history.
export function go(changes, replace = false) {
  history[replace ? "replaceState" : "pushState"](null, "", addressOf(changes));
  dispatchEvent(new PopStateEvent("popstate"));
}
