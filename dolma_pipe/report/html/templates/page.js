// What every page does in the browser: theme, filter by source, charts when they are seen, copy.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  // ---- theme: before anything is painted
  const THEMES = ["auto", "light", "dark"];
  const remembered = (() => {
    try { return localStorage.getItem("dolma-pipe-theme"); } catch { return null; }
  })();
  let theme = THEMES.includes(remembered) ? remembered : "auto";
  root.dataset.theme = theme;

  function themes() {
    const button = document.querySelector("[data-theme-switch]");
    if (!button) return;
    const name = button.querySelector("[data-theme-name]");
    name.textContent = theme;
    button.addEventListener("click", () => {
      theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
      root.dataset.theme = theme;
      name.textContent = theme;
      try { localStorage.setItem("dolma-pipe-theme", theme); } catch { /* a private window */ }
    });
  }

  // ---- source: one for the whole page, null is all of them
  let source = null;
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [sheet];

  function sources() {
    const form = document.querySelector("[data-source-filter]");
    if (!form) return;
    form.reset();
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", (event) => {
      const input = event.target;
      const chosen = input.tagName === "SELECT" ? input.selectedOptions[0] : input;
      source = "all" in chosen.dataset ? null : chosen.value;
      show();
      const status = form.querySelector("[data-filter-status]");
      status.textContent = source === null ? "All sources" : `Only ${source}`;
    });
  }

  function show() {
    if (source === null) sheet.replaceSync("");
    else {
      const mine = `[data-source="${CSS.escape(source)}"]`;
      sheet.replaceSync(
        `[data-source]:not(${mine}), .all-sources { display: none !important; }
         .one-source${mine} { display: revert; }`);
    }
    root.classList.toggle("one", source !== null);
    drawn.forEach(refresh);
    document.dispatchEvent(new CustomEvent("source", { detail: source }));
  }

  // ---- charts
  const drawn = new Map();
  const ERRORS = 1; // of Vega's levels: what an empty chart warns of is no news

  function rowsOf(made) {
    const at = made.columns.indexOf(made.source);
    const rows = source === null || at < 0 ? made.rows : made.rows.filter((r) => r[at] === source);
    return rows.map((row) => Object.fromEntries(made.columns.map((name, i) => [name, row[i]])));
  }

  async function draw(figure) {
    const plot = figure.querySelector(".plot");
    const made = JSON.parse(figure.querySelector("script").textContent);
    const config = JSON.parse(document.getElementById("chart-config").textContent);
    const narrow = plot.clientWidth < 520;
    config.axis.labelLimit = narrow ? 110 : 260;
    const spec = {
      $schema: "https://vega.github.io/schema/vega-lite/v6.json",
      width: "container",
      autosize: { type: "fit-x", contains: "padding" },
      padding: { left: 0, right: narrow ? 46 : 60, top: 4, bottom: 0 },
      ...made.spec,
      datasets: { rows: rowsOf(made) },
    };
    const inner = plot.appendChild(document.createElement("div")); // Vega gives it a role of its own
    const result = await vegaEmbed(inner, spec, {
      config, logLevel: ERRORS, renderer: "svg", actions: false, ast: true, defaultStyle: false,
      tooltip: { disableDefaultStyle: true },
    });
    plot.style.minHeight = "";
    figure.dataset.drawn = "";
    drawn.set(figure, { view: result.view, made });
    if (source !== null) refresh(drawn.get(figure), figure);
  }

  function refresh({ view, made }, figure) {
    const rows = rowsOf(made), plot = figure.querySelector(".plot");
    plot.dataset.told ??= plot.ariaLabel;
    plot.ariaLabel = source === null ? plot.dataset.told : `All sources: ${plot.dataset.told}`;
    plot.hidden = !rows.length;
    figure.querySelector(".nothing").hidden = rows.length > 0;
    if (rows.length) view.data("rows", rows).runAsync();
  }

  function charts() {
    const figures = document.querySelectorAll("figure.chart");
    if (!figures.length || !window.vegaEmbed) return;
    const seen = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        seen.unobserve(target);
        draw(target);
      }
    }, { rootMargin: "300px" });
    figures.forEach((figure) => seen.observe(figure));
  }

  // ---- one of several
  function switches() {
    for (const field of document.querySelectorAll("[data-switch]")) {
      const inputs = [...field.querySelectorAll("input")];
      const choose = () => inputs.forEach((input) => {
        document.getElementById(input.value).hidden = !input.checked;
      });
      inputs[0].checked = true;
      field.addEventListener("change", choose);
      choose();
    }
  }

  // ---- rules: by stage, source and text, in one of two orders
  function rules() {
    const form = document.querySelector("[data-rule-filter]");
    if (!form) return;
    form.reset();
    const all = [...document.querySelectorAll(".rule")];
    const { stage, text, order } = form.elements;
    const choose = () => {
      const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const rule of all) {
        const { dataset } = rule;
        const named = dataset.text.toLowerCase();
        rule.hidden = !((!stage.value || dataset.stage === stage.value)
          && words.every((word) => named.includes(word))
          && (source === null || JSON.parse(dataset.sources).includes(source)));
        shown += !rule.hidden;
      }
      form.querySelector("[data-rule-count]").textContent = `${shown} of ${all.length} rules`;
      document.querySelector("[data-no-rules]").hidden = shown > 0;
    };
    const arrange = () => {
      const by = order.value === "removed"
        ? (a, b) => b.dataset.removed - a.dataset.removed
        : (a, b) => a.dataset.place - b.dataset.place;
      document.querySelector(".rules").append(...[...all].sort(by));
    };
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", choose);
    order.addEventListener("change", arrange);
    document.addEventListener("source", choose);
    choose();
  }

  // ---- copy: of the element that the button names
  function copying() {
    for (const button of document.querySelectorAll("[data-copies]")) {
      const label = button.textContent;
      button.addEventListener("click", async () => {
        const element = document.getElementById(button.dataset.copies);
        try {
          await navigator.clipboard.writeText(element.textContent);
          button.textContent = "Copied";
        } catch {
          getSelection().selectAllChildren(element);
          button.textContent = "Selected: press Ctrl+C";
        }
        setTimeout(() => { button.textContent = label; }, 2500);
      });
    }
  }

  // ---- navigation: the section that is read
  function here() {
    const links = new Map([...document.querySelectorAll("nav.sections a")].map(
      (link) => [link.hash.slice(1), link]));
    const mark = (id) => links.forEach((link, name) => {
      if (name === id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
    const reading = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) mark(entry.target.id);
    }, { rootMargin: "-15% 0px -75% 0px" });
    links.forEach((_, id) => {
      const section = document.getElementById(id);
      if (section) reading.observe(section);
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    themes(); sources(); switches(); rules(); copying(); here(); charts();
  });
})();
