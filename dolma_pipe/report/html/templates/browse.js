// The browser of documents: its state is its address, its words are text, never markup.
"use strict";
(() => {
  const KEPT = ["source", "verdict", "column", "min", "max", "is", "order", "q", "in", "after"];
  const KEYS = [...KEPT, "doc", "view", "from", "marks"];
  const byId = (id) => document.getElementById(id);
  let run = null, listed = "", rows = [], goesOn = null, asking = 0, told = "", mark = -1;

  // ---- the address
  const state = () => {
    const given = new URLSearchParams(location.search);
    return Object.fromEntries(KEYS.map((key) => [key, given.get(key) ?? ""]));
  };
  const addressOf = (changes, from = state()) => {
    const wanted = { ...from, ...changes };
    const search = new URLSearchParams(KEYS.filter((key) => wanted[key]).map((key) => [key, wanted[key]]));
    return `?${search}`;
  };
  function go(changes, replace = false) {
    history[replace ? "replaceState" : "pushState"](null, "", addressOf(changes));
    show();
  }
  const OTHER_LIST = { after: "", doc: "", view: "", from: "" };
  const OTHER_DOCUMENT = { view: "", from: "" };

  // ---- elements
  function el(tag, given = {}, ...children) {
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
  function link(changes, given, ...children) {
    const follow = (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
      event.preventDefault();
      go(changes);
    };
    return el("a", { href: addressOf(changes), onclick: follow, ...given }, ...children);
  }
  const number = (value) => value.toLocaleString("en-US");
  const amount = (value) => Math.abs(value) >= 1000 || Number.isInteger(value)
    ? number(Math.round(value)) : String(Number(value.toPrecision(4)));
  const size = (bytes) => bytes < 1000 ? `${bytes} B` : bytes < 1e6
    ? `${(bytes / 1000).toPrecision(3)} kB` : `${(bytes / 1e6).toPrecision(3)} MB`;
  const several = (count, one, more) => `${number(count)} ${count === 1 ? one : more}`;
  const odd = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;
  const legible = (text) => String(text).replace(
    odd, (char) => `⟨U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
  const breakable = (name) => legible(name).split(/(?<=[._])/).flatMap((part, k) => k ? [el("wbr"), part] : [part]);
  const END = 38;  // of a long id the end tells more
  const tail = (id) => { const chars = [...legible(id)]; return chars.length > END + 2 ? `…${chars.slice(-END).join("")}` : chars.join(""); };
  const valueOf = (value) => value === null ? "–" : typeof value === "number" ? amount(value) : legible(value);

  // ---- asking
  async function ask(path, asked) {
    const query = new URLSearchParams(Object.entries(asked).filter(([, value]) => value !== "" && value !== null));
    let answer;
    try { answer = await fetch(`/api/${path}?${query}`, { credentials: "same-origin" }); }
    catch { throw new Error("dolma-pipe browse has ended: start it again"); }
    const json = (answer.headers.get("Content-Type") ?? "").startsWith("application/json");
    if (!json) throw new Error((await answer.text()).trim());
    const content = await answer.json();
    if (!answer.ok) throw new Error(content.error);
    return content;
  }
  function failed(error) {
    byId("failure").hidden = !error;
    byId("failure").textContent = error ? error.message : "";
  }

  // ---- what there is
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
  function counted(source) {
    const of = run.sources.filter((one) => !source || one.name === source);
    const dropped = {};
    for (const one of of) for (const [rule, n] of Object.entries(one.dropped)) dropped[rule] = (dropped[rule] ?? 0) + n;
    const duplicates = run.entries.map((_, k) => sum(of.map((one) => one.duplicates[k] ?? 0)));
    const quarantined = sum(of.map((one) => one.quarantined));
    return { of, dropped, duplicates, quarantined, kept: sum(of.map((one) => one.kept)), all: sum(of.map((one) => one.lines)) - quarantined };
  }
  function choice(text, count, changes, current, under = null) {
    const link_ = link({ ...OTHER_LIST, ...changes }, { "aria-current": current ? "true" : null, class: count === 0 ? "none" : "" },
      el("span", {}, ...breakable(text)), el("span", { class: "number" }, count === null ? "" : number(count)));
    return el("li", {}, link_, under ?? "");
  }
  function choices(now) {
    const all = counted(now.source);
    const verdict = now.verdict || "all";
    const known = counted("");
    byId("sources").replaceChildren(el("h3", {}, "Source"), el("ul", {},
      choice("all", known.all, { source: "" }, !now.source),
      ...run.sources.map((one) => choice(one.name, one.lines - one.quarantined, { source: one.name }, now.source === one.name))));
    const rules = run.rules.filter((rule) => all.dropped[rule] || verdict === `dropped:${rule}`);
    const list = [
      choice("all documents", all.all, { verdict: "" }, verdict === "all"),
      choice("kept", all.kept, { verdict: "kept" }, verdict === "kept"),
      run.cuts ? choice("kept, with cuts", null, { verdict: "cut" }, verdict === "cut") : null,
      choice("dropped", sum(Object.values(all.dropped)), { verdict: "dropped" }, verdict === "dropped",
        el("ul", {}, ...rules.map((rule) => choice(rule, all.dropped[rule] ?? 0, { verdict: `dropped:${rule}` },
          verdict === `dropped:${rule}`, verdict === `dropped:${rule}` ? borders(rule, all.of) : null)))),
      run.deduplicated ? choice("duplicates", sum(all.duplicates), { verdict: "duplicate" }, verdict === "duplicate",
        el("ul", {}, ...run.entries.filter((one) => one.action !== "annotate").map((one) => choice(
          `${one.number} ${one.method}`, all.duplicates[one.number - 1], { verdict: `duplicate:${one.number}` },
          verdict === `duplicate:${one.number}`)))) : null,
      choice("quarantined lines", all.quarantined, { verdict: "quarantined", column: "", min: "", max: "", is: "", order: "", q: "" },
        verdict === "quarantined"),
    ];
    byId("verdicts").replaceChildren(el("h3", {}, "Verdict"), el("ul", {}, ...list.filter(Boolean)));
    const missing = Object.entries(run.missing);
    byId("missing").replaceChildren(...(missing.length ? [el("details", {}, el("summary", {}, several(missing.length, "shard is", "shards are") + " missing"),
      el("ul", {}, ...missing.slice(0, 100).map(([key, why]) => el("li", {}, legible(`${key}: ${why}`)))))] : []));
  }
  // Documents next to the border of a rule, on both sides of it.
  function borders(rule, of) {
    const made = [];
    const near = (text, min, max, order, verdict, source) => link({ ...OTHER_LIST, ...source, column: rule, min, max, is: "", order, verdict, q: "" }, {}, text);
    for (const side of [0, 1]) {
      const bounds = new Map();
      for (const one of of) if ((one.ranges[rule]?.[side] ?? null) !== null) bounds.set(one.ranges[rule][side], [...(bounds.get(one.ranges[rule][side]) ?? []), one.name]);
      for (const [at, names] of [...bounds].slice(0, 4)) {
        const source = bounds.size > 1 && names.length === 1 ? { source: names[0] } : {};
        const below = near("just below", "", String(at), "descending", side ? "kept" : `dropped:${rule}`, source);
        const above = near("just above", String(at), "", "ascending", side ? `dropped:${rule}` : "kept", source);
        made.push(el("span", {}, `${side ? "max" : "min"} ${amount(at)}${source.source ? ` (${source.source})` : ""}: `, below, ", ", above));
      }
    }
    return made.length ? el("span", { class: "borders" }, ...made) : null;
  }
  function forms(now) {
    const form = byId("range");
    const select = form.elements.column;
    if (select.options.length !== Object.keys(run.columns).length + 1) {
      select.replaceChildren(el("option", { value: "" }, "none"), ...Object.keys(run.columns).map((name) => el("option", { value: name }, legible(name))));
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
    if (document.activeElement !== byId("q")) byId("q").value = now.q;
    byId("in").value = now.in || "text";
  }

  // ---- the list
  const listAsked = (now) => {
    const asked = Object.fromEntries(["source", "verdict", "column", "min", "max", "is", "order", "after"].map((key) => [key, now[key]]));
    if (now.q) asked[now.in === "id" ? "id" : "text"] = now.q;
    return asked;
  };
  const nameOf = (row) => `${row.shard}:${row.line}`;
  async function list(now, onward = null) {
    const mine = ++asking;
    byId("rows").classList.add("busy");
    let answer;
    try { answer = await ask("documents", { ...listAsked(now), ...(onward ? { after: onward } : {}) }); }
    catch (error) {
      if (mine === asking) { rows = []; drawRows(now); byId("more").replaceChildren(); byId("found").textContent = ""; listed = ""; throw error; }
      return false;
    }
    if (mine !== asking) return false;
    rows = onward ? [...rows, ...answer.rows] : answer.rows;
    goesOn = answer.next;
    drawRows(now);
    drawMore(now, answer);
    if (!rows.length && answer.next && !answer.full) return list(now, answer.next);
    return true;
  }
  function drawRows(now) {
    const found = byId("rows");
    found.classList.remove("busy");
    found.replaceChildren(...rows.map((row) => {
      const cut = row.cut ? el("span", {}, "cut") : "";
      const facts = [el("span", { class: `verdict ${row.verdict}` }, verdictOf(row)), cut, el("span", {}, size(row.bytes))];
      if (now.column) facts.push(el("span", { class: "row-value" }, valueOf(row.value)));
      return el("li", {}, link({ ...OTHER_DOCUMENT, doc: nameOf(row) }, { "data-doc": nameOf(row) },
        el("span", { class: "id", title: legible(row.id) }, tail(row.id)),
        el("span", { class: "row-facts" }, ...facts),
        row.excerpt.length ? el("span", { class: "around" }, ...pieces(row.excerpt, [{ column: "search" }])) : ""));
    }));
  }
  function verdictOf(row) {
    if (row.verdict === "dropped") return legible(row.by);
    if (row.verdict === "duplicate") return `duplicate, ${row.by} ${run.entries[row.by - 1]?.method ?? ""}`;
    return row.verdict === "quarantined" ? legible(row.by) : "kept";
  }
  function drawMore(now, answer) {
    const whole = !answer.next;
    const parts = [];
    if (now.after) parts.push(link({ ...OTHER_LIST }, {}, "From the beginning"));
    if (answer.next && answer.full) parts.push(link({ ...OTHER_LIST, after: answer.next }, { rel: "next" }, "Next documents"));
    if (answer.next && !answer.full) {
      const text = answer.shards ? "Order the next shards" : "Go on looking";
      parts.push(answer.shards ? link({ ...OTHER_LIST, after: answer.next }, { rel: "next" }, text)
        : el("button", { type: "button", onclick: () => list(now, answer.next).then(() => chosen(state())).catch(failed) }, text));
    }
    if (!whole && !answer.full) parts.push(el("progress", { max: answer.of, value: answer.lines, "aria-label": "looked at" }),
      el("span", {}, `${number(answer.lines)} of ${number(answer.of)} lines looked at`));
    parts.push(...answer.notes.map((note) => el("p", { class: "note" }, legible(note))));
    byId("more").replaceChildren(...parts);
    const together = answer.shards && answer.shards[0] !== answer.shards[1] && answer.next && !answer.full
      ? `, ordered within ${answer.shards[0]} to ${answer.shards[1]}` : "";
    const all = now.column || now.q ? null : numberOf(now);
    const names = now.verdict === "quarantined" ? ["line", "lines"] : ["document", "documents"];
    byId("found").textContent = rows.length ? (all === null || now.after ? several(rows.length, ...names) + (now.after ? " more" : "") + (answer.next && answer.full ? ", and others" : "")
      : rows.length < all ? `${number(rows.length)} of ${several(all, ...names)}` : several(all, ...names)) + legible(together)
      : whole ? `No ${names[0]}${now.after ? " more" : ""}.` : "None yet …";
  }

  // How many there are of a verdict, where that is counted.
  function numberOf(now) {
    const all = counted(now.source);
    const [verdict, detail] = [now.verdict.split(":")[0] || "all", now.verdict.split(":").slice(1).join(":")];
    if (verdict === "dropped") return detail ? all.dropped[detail] ?? 0 : sum(Object.values(all.dropped));
    if (verdict === "duplicate") return detail ? all.duplicates[detail - 1] : sum(all.duplicates);
    return all[verdict] ?? null;
  }

  // ---- one document
  function pieces(stretch, marks, hidden = new Set()) {
    return stretch.map((piece) => {
      const text = piece.control ? el("span", { class: "control" }, piece.text) : piece.text;
      const names = (piece.marks ?? []).map((k) => marks[k].column).filter((name) => !hidden.has(name));
      if (!names.length) return text;
      if (names.includes("cut")) return el("del", { title: "cut out by stage 4" }, text);
      const found = names.includes("search");
      const rarest = (piece.marks ?? []).filter((k) => names.includes(marks[k].column)).reduce((a, b) => marks[b].bytes < marks[a].bytes ? b : a);
      const made = el("mark", { class: found ? "search" : "", title: found ? null : names.join(", ") }, text);
      if (!found) made.style.setProperty("--tone", `var(--series-${rarest % 10 + 1})`);
      return made;
    });
  }
  async function chosen(now) {
    let doc = now.doc;
    if (!doc && rows.length) {
      doc = nameOf(rows[0]);
      history.replaceState(null, "", addressOf({ doc }));
    }
    for (const one of byId("rows").querySelectorAll("a")) {
      const here = one.dataset.doc === doc;
      if (here) { one.setAttribute("aria-current", "true"); one.scrollIntoView({ block: "nearest" }); }
      else one.removeAttribute("aria-current");
    }
    const article = byId("document");
    const wanted = JSON.stringify([doc, now.view, now.from, now.marks, now.q, now.in, now.verdict === "quarantined"]);
    if (!doc) { article.replaceChildren(); told = wanted; return; }
    if (told === wanted) return;
    told = wanted;
    const at = doc.lastIndexOf(":");
    const asked = { shard: doc.slice(0, at), line: doc.slice(at + 1) };
    article.classList.add("busy");
    try {
      if (now.verdict === "quarantined") {
        const line = await ask("line", asked);
        if (told === wanted) drawLine(line);
      } else {
        const find = now.q && now.in !== "id" ? now.q : "";
        const made = await ask("document", { ...asked, view: now.view, from: now.from, find });
        if (told === wanted) drawDocument(made, now);
      }
    } catch (error) {
      if (told !== wanted) return;
      told = "";
      article.replaceChildren();
      throw error;
    } finally { if (told === wanted || !told) article.classList.remove("busy"); }
    if (told === wanted) article.dataset.doc = doc;
  }
  function drawLine(line) {
    byId("document").replaceChildren(el("header", {}, turns(), el("h2", {}, legible(`${line.uri}, line ${number(line.line)}`)),
      el("p", { class: "outcome" }, el("span", { class: "verdict quarantined" }, "quarantined: "), legible(line.reason))),
      el("pre", { class: "text", tabindex: "0", dir: "auto" }, ...pieces(line.pieces, [])));
  }
  const place = () => rows.findIndex((row) => nameOf(row) === state().doc);
  const turns = () => el("span", { class: "turns" },
    el("button", { type: "button", "aria-keyshortcuts": "k", onclick: () => turn(-1), disabled: place() <= 0 }, "Previous"),
    el("button", { type: "button", "aria-keyshortcuts": "j", onclick: () => turn(1), disabled: place() + 1 >= rows.length && !goesOn }, "Next"));
  async function turn(step) {
    if (byId("rows").classList.contains("busy")) return;  // these are not the documents any more
    const next = place() + step;
    if (next >= 0 && next < rows.length) return go({ ...OTHER_DOCUMENT, doc: nameOf(rows[next]) }, true);
    if (step > 0 && goesOn) go({ ...OTHER_LIST, after: goesOn });
  }
  function drawDocument(shown, now) {
    const { explained: it, text } = shown;
    document.title = `${legible(it.id)} · ${run.name}`;
    mark = -1;
    byId("document").replaceChildren(
      el("header", {}, turns(), el("h2", { dir: "auto" }, legible(it.id)), outcome(shown),
        el("p", { class: "quiet" }, `${legible(it.source)} · ${legible(it.uri)}, line ${number(it.line)} · ${size(it.bytes)}`)),
      ...beside(shown), toolbar(text, now), ...body(text, now), ...aside(shown), ...rules(shown), ...scores(shown),
      shown.metadata.length ? el("section", {}, el("details", {}, el("summary", {}, "Other fields of its line"),
        el("pre", { class: "text", tabindex: "0" }, ...pieces(shown.metadata, [])))) : "");
  }
  function outcome({ explained: it, held_out: heldOut }) {
    const parts = [];
    if (it.dropped_by) parts.push(el("span", { class: "verdict dropped" }, "dropped"), ` by ${legible(it.dropped_by)}`);
    else if (it.duplicate) {
      const { entry, method, kept_id: kept, kept_shard: shard, kept_row: row, similarity } = it.duplicate;
      parts.push(el("span", { class: "verdict duplicate" }, "duplicate"), `, removed by dedup entry ${entry} (${method})`);
      if (kept !== null) parts.push(" for ", other(shard, row, kept), similarity === null ? "" : `, similarity ${amount(similarity)}`);
    } else {
      parts.push(el("span", { class: "verdict kept" }, "kept"));
      if (it.kept_for) parts.push(`, ${several(it.kept_for, "copy", "copies")} went for it`);
      if (it.cuts.length) parts.push(`, ${size(sum(it.cuts.map((cut) => cut.end - cut.start)))} cut out of it`);
      if (heldOut) parts.push(", held out of the mix");
      else if (it.copies !== null) parts.push(it.copies ? `, ${several(it.copies, "time", "times")} in the mix` : ", not used in the mix");
    }
    return el("p", { class: "outcome" }, ...parts);
  }
  // Another document, by the row of its curated shard.
  function other(shard, row, id) {
    const follow = async (event) => {
      event.preventDefault();
      try {
        const found = await ask("document", { shard, row });
        go({ ...OTHER_DOCUMENT, doc: `${found.explained.shard}:${found.explained.line}` });
      } catch (error) { failed(error); }
    };
    return el("a", { href: "#document", class: "mono", onclick: follow }, legible(id));
  }
  // What is not marked: by the address, else what covers most of the text and would hide the rest.
  function hiddenOf(text, now) {
    const wanted = now.marks ? new Set(now.marks.split(",")) : null;
    return new Set(text.marks.filter((one) => one.column !== "search" && (wanted ? !wanted.has(one.column) : one.column !== "cut" && one.bytes > text.bytes / 2)).map((one) => one.column));
  }
  function toolbar(text, now) {
    const views = { curated: "as kept", input: "as it came" };
    const parts = [];
    if (text.views.length > 1) parts.push(el("fieldset", { class: "chips" }, el("legend", {}, "Text"), ...text.views.map((view) => el("label", {},
      el("input", { type: "radio", name: "view", value: view, checked: view === text.view, onchange: () => go({ view, from: "" }, true) }), el("span", {}, views[view])))));
    const hidden = hiddenOf(text, now);
    const columns = text.marks.filter((one) => one.column !== "search");
    if (columns.length) parts.push(el("fieldset", { class: "chips" }, el("legend", {}, "Marks"), ...columns.map((one) => {
      const dot = el("span", { class: "dot" });
      dot.style.background = one.column === "cut" ? "var(--removed)" : `var(--series-${text.marks.indexOf(one) % 10 + 1})`;
      const toggle = (event) => {
        if (event.target.checked) hidden.delete(one.column); else hidden.add(one.column);
        go({ marks: columns.map((other) => other.column).filter((name) => !hidden.has(name)).join(",") || "none" }, true);
      };
      return el("label", {}, el("input", { type: "checkbox", checked: !hidden.has(one.column), onchange: toggle }),
        el("span", {}, dot, legible(`${one.column} ${number(one.spans)}`)));
    })));
    const found = text.marks.find((one) => one.column === "search");
    if (found) parts.push(el("span", { class: "quiet" }, `${several(found.spans, "match", "matches")}`));
    return el("div", { class: "toolbar" }, ...parts);
  }
  function body(text, now) {
    const hidden = hiddenOf(text, now);
    const made = [];
    if (text.note) made.push(el("p", { class: "note" }, legible(text.note)));
    if (text.pieces.length || !text.note) made.push(el("pre", { class: "text", tabindex: "0", dir: "auto", "aria-label": "Text" }, ...pieces(text.pieces, text.marks, hidden)));
    if (text.end - text.start < text.bytes && text.pieces.length) {
      const step = Math.max(1, text.end - text.start);
      const before = text.start ? link({ from: String(Math.max(0, text.start - step)) }, {}, "before") : "";
      const after = text.end < text.bytes ? link({ from: String(text.end) }, {}, "after") : "";
      made.push(el("p", { class: "stretch" }, `bytes ${number(text.start)} to ${number(text.end)} of ${number(text.bytes)}`, before, after));
    }
    return made;
  }
  function beside({ explained: it, row }) {
    if (!it.duplicate || it.duplicate.kept_id === null || row === null) return [];
    const section = el("div", { class: "beside" });
    ask("beside", { kept: it.duplicate.kept_shard, kept_row: it.duplicate.kept_row, copy: it.shard, copy_row: row })
      .then((both) => section.append(sides(both, it)))
      .catch((error) => section.append(el("p", { class: "note" }, legible(error.message))));
    return [section];
  }
  function aside(shown) {
    const { explained: it, gone } = shown;
    const made = [];
    if (gone.length) made.push(el("section", {}, el("h3", {}, "Went for it"), el("div", { class: "wide" }, el("table", {},
      el("thead", {}, el("tr", {}, ...["document", "entry", "similarity"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, ...gone.map((one) => el("tr", {}, el("td", {}, other(one.shard, one.row, one.id)),
        el("td", {}, `${one.entry} ${run.entries[one.entry - 1]?.method ?? ""}`), el("td", {}, valueOf(one.similarity))))))),
      it.kept_for > gone.length ? el("p", { class: "quiet" }, `and ${number(it.kept_for - gone.length)} more`) : ""));
    if (it.notes.length) made.push(el("section", {}, el("h3", {}, "Noted by stage 4"), el("ul", {}, ...it.notes.map((note) => el("li", {},
      legible(`entry ${note.entry} (${note.method}): ${note.verdict}${note.size === null ? "" : ` of ${number(note.size)} copies`}${note.first_id ? `, the first is ${note.first_id}` : ""}`))))));
    return made;
  }
  function sides(both, it) {
    const side = (stretches, heading, only) => el("div", {}, el("h4", {}, ...heading, ` · ${several(only, "word", "words")} of its own`),
      el("div", { class: "text", tabindex: "0", dir: "auto" }, ...stretches.flatMap(([kind, stretch]) => {
        const words = pieces(stretch, []);
        if (kind === "same") return words;
        return [el(kind === "gone" ? "del" : kind === "new" ? "ins" : "span", { class: kind === "left out" ? "left-out" : "" }, ...words)];
      })));
    return el("div", { class: "both" }, side(both.kept, ["kept: ", other(it.duplicate.kept_shard, it.duplicate.kept_row, it.duplicate.kept_id)], both.kept_only),
      side(both.copy, ["this one"], both.copy_only));
  }
  function rules({ explained: it, unscored }) {
    if (!it.verdicts.length) return [];
    const bound = (value) => value === null ? "–" : amount(value);
    return [el("section", {}, el("h3", {}, "Rules"), el("div", { class: "wide" }, el("table", {},
      el("thead", {}, el("tr", {}, ...["column", "value", "min", "max", "verdict"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, ...it.verdicts.map((one) => el("tr", { class: one.reason ? "reason" : "" }, el("th", { scope: "row", class: "mono" }, legible(one.column)),
        el("td", {}, valueOf(one.value)), el("td", {}, bound(one.minimum)), el("td", {}, bound(one.maximum)),
        el("td", {}, el("span", { class: `verdict ${one.kept ? "kept" : "dropped"}` }, one.kept ? "keeps" : one.reason ? "drops, the reason" : "drops"))))))),
      unscored.length ? el("p", { class: "quiet" }, `${several(unscored.length, "column", "columns")} not looked at: it was dropped before.`) : "")];
  }
  function scores({ explained: it }) {
    if (!it.scores.length) return [];
    return [el("section", {}, el("h3", {}, "Scores"), el("ul", { class: "scores" }, ...it.scores.map((one) => el("li", {}, el("span", { class: "mono" }, legible(one.column)),
      el("span", {}, one.spans === null ? valueOf(one.value) : several(one.spans, "span", "spans"))))))];
  }

  // ---- the whole
  async function show() {
    const now = state();
    failed(null);
    try {
      run ??= await ask("run", {});
      choices(now);
      forms(now);
      const wanted = JSON.stringify(listAsked(now));
      if (wanted !== listed) {
        listed = wanted;
        told = "";
        if (!await list(now)) return;
      }
      await chosen(state());
    } catch (error) { failed(error); }
  }
  function marks() {
    const all = [...byId("document").querySelectorAll(".text mark, .text del")];
    if (!all.length) return;
    all[mark]?.classList.remove("here");
    mark = (mark + 1) % all.length;
    all[mark].classList.add("here");
    all[mark].scrollIntoView({ block: "center" });
  }
  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input:not([type=radio]):not([type=checkbox]), select, textarea");
    if (event.key === "Escape" && typing) return typing.blur();
    if (typing) return;
    const radio = event.target.closest("input[type=radio]");
    const done = { "/": () => byId("q").select() ?? byId("q").focus(), j: () => turn(1), k: () => turn(-1), n: marks,
      ...(radio ? {} : { ArrowRight: () => turn(1), ArrowLeft: () => turn(-1) }) }[event.key];
    if (!done) return;
    event.preventDefault();
    done();
  }
  function start() {
    const given = new URLSearchParams(location.search);
    if (given.has("token")) history.replaceState(null, "", addressOf({}));
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      const q = byId("q").value, verdict = state().verdict;
      byId("q").blur();
      go({ ...OTHER_LIST, q, in: byId("in").value, order: q && byId("in").value === "text" ? "" : state().order, verdict: verdict === "quarantined" ? "" : verdict });
    });
    const range = byId("range");
    const apply = (event) => {
      event.preventDefault();
      const values = Object.fromEntries(["column", "min", "max", "is", "order"].map((name) => [name, range.elements[name].value]));
      const kind = run.columns[values.column];
      if (values.column !== state().column) Object.assign(values, { min: "", max: "", is: "", order: "" });
      if (kind === "label") Object.assign(values, { min: "", max: "", order: "" }); else values.is = "";
      go({ ...OTHER_LIST, ...values, order: values.order === "input" ? "" : values.order, ...(values.order && values.order !== "input" && state().in !== "id" ? { q: "" } : {}) });
    };
    range.addEventListener("submit", apply);
    range.elements.column.addEventListener("change", apply);
    range.elements.order.addEventListener("change", apply);
    addEventListener("popstate", show);
    addEventListener("keydown", keys);
    show();
  }
  document.addEventListener("DOMContentLoaded", start);
})();
