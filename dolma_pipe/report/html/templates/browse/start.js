// The browser of documents: draws what the address says, and listens to keys and forms.
import { OTHER_LIST, addressOf, go, state } from "./address.js";
import { openRun } from "./asking.js";
import { choices, listenToRange, showRange } from "./choice.js";
import { forget, open, turn } from "./document.js";
import { byId, failed } from "./elements.js";
import { isListed, list } from "./list.js";
import { nextMark } from "./marks.js";

async function show() {
  const now = state();
  failed(null);
  try {
    await openRun();
    choices(now);
    showRange(now);
    showSearch(now);
    if (!isListed(now)) {
      forget();
      if (!await list(now)) return;
    }
    await open(state());
  } catch (error) { failed(error); }
}

async function lookOn(event) {
  try { if (await list(state(), event.detail)) await open(state()); }
  catch (error) { failed(error); }
}

function showSearch(now) {
  if (document.activeElement !== byId("q")) byId("q").value = now.q;
  byId("in").value = now.in || "text";
}

function search(event) {
  event.preventDefault();
  const now = state(), q = byId("q").value, where = byId("in").value;
  byId("q").blur();
  go({ ...OTHER_LIST, q, in: where, order: q && where === "text" ? "" : now.order,
    verdict: now.verdict === "quarantined" ? "" : now.verdict });
}

const KEYS = {
  "/": () => { byId("q").focus(); byId("q").select(); },
  j: () => turn(1),
  k: () => turn(-1),
  n: nextMark,
  ArrowRight: () => turn(1),
  ArrowLeft: () => turn(-1),
};

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest("input:not([type=radio]):not([type=checkbox]), select, textarea");
  if (event.key === "Escape" && typing) typing.blur();
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && event.target.closest("#rows")) { event.preventDefault(); return turn(step); }
  const isRadio = event.target.closest("input[type=radio]") && event.key.startsWith("Arrow");
  if (typing || isRadio || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
}

if (new URLSearchParams(location.search).has("token")) history.replaceState(null, "", addressOf({}));
byId("search").addEventListener("submit", search);
listenToRange();
addEventListener("popstate", show);
addEventListener("look-on", lookOn);
addEventListener("keydown", press);
show();
