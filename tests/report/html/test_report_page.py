"""report.html in a browser: opens without network, draws, filters; hostile text stays text."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from dolma_pipe.report.html.report_page import LARGEST, render_page
from dolma_pipe.report.html.spans import parts_of
from tests.browser import Opened, browser, opened
from tests.report.made_page import HOSTILE, SOURCES, made_page

__all__ = ["browser"]

SEEN = "figure.chart:visible"
MARKS = ".plot svg .mark-rect path, .plot svg .mark-line path"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_page(made_page()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def shown(browser: Any, file: Path) -> Iterator[Opened]:
    """The page with every chart drawn once; tests leave no filter behind."""
    with opened(browser, file, color_scheme="light") as made:
        made.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        for chart in made.page.locator(SEEN).all():
            chart.scroll_into_view_if_needed()
            chart.locator("svg").first.wait_for()
        yield made


@pytest.fixture
def page(shown: Opened) -> Iterator[Any]:
    yield shown.page
    shown.page.locator("[data-source-filter] input").first.dispatch_event("click")
    shown.page.locator("[data-rule-filter]").evaluate("f => { f.reset(); }")
    shown.page.locator("[name=text]").fill("")


def see(page: Any, place: str) -> None:
    """Scroll there until its chart is drawn."""
    page.locator(place).scroll_into_view_if_needed()
    page.locator(f"{place} svg").first.wait_for()


def test_it_asks_nothing_of_the_network_and_complains_of_nothing(shown: Opened, file: Path) -> None:
    assert shown.asked == [file.as_uri()]
    assert shown.complaints == []


def test_every_chart_draws_its_data(shown: Opened) -> None:
    charts = shown.page.locator(SEEN)
    assert charts.count() >= 14
    for number in range(charts.count()):
        marks = charts.nth(number).locator(MARKS)
        assert marks.count() > 0, charts.nth(number).locator("figcaption").inner_text()


def test_charts_are_drawn_when_they_are_seen(browser: Any, file: Path) -> None:
    with opened(browser, file) as made:
        see(made.page, "#funnel-documents")
        assert made.page.locator("#times svg").count() == 0
        assert made.page.locator("#rules svg").count() == 0
        made.page.locator(".rule summary").first.click()
        made.page.locator("#rules .rule svg").first.wait_for()


def test_hostile_text_stays_text(shown: Opened) -> None:
    page = shown.page
    assert page.evaluate("window.hacked") is None
    for selector in ("main img", "main script:not([type='application/json'])", "main a", "iframe"):
        assert page.locator(selector).count() == 0, selector
    excerpt = page.locator(".rule .excerpt").first
    text = excerpt.inner_text()
    assert "</script><script>window.hacked = 1</script><!--" in text
    assert "{{ 7 * 7 }}" in text
    markers = excerpt.locator(".control").all_inner_texts()
    assert markers[:7] == ["U+202E", "U+202C", "U+0000", "U+0007", "U+001B", "U+200B", "U+2066"]
    whole = page.evaluate("document.documentElement.textContent + document.title")
    assert not re.search("[\x00-\x08\x0e-\x1f\u200b\u202a-\u202e\u2066-\u2069]", whole)


def test_no_attribute_is_a_handler_or_an_address_that_runs(shown: Opened) -> None:
    found = shown.page.evaluate(
        """[...document.querySelectorAll('*')].flatMap(e => [...e.attributes])
           .filter(a => /^on/i.test(a.name) || /^\\s*javascript:/i.test(a.value)).length"""
    )
    assert found == 0


def test_the_policy_forbids_what_is_not_of_the_page(browser: Any, file: Path) -> None:
    """A script that got into the page all the same would not run, nor fetch."""
    html = file.read_text(encoding="utf-8")
    bad = file.with_name("bad.html")
    bad.write_text(html.replace("</main>", "<script>window.hacked = 4</script></main>"), "utf-8")
    with opened(browser, bad) as made:
        assert made.page.evaluate("window.hacked") is None
        asked = "fetch('https://example.org/').then(() => 'fetched', () => 'refused')"
        assert made.page.evaluate(asked) == "refused"


def test_the_filter_by_source_changes_charts_tables_and_figures(page: Any) -> None:
    chart = page.locator("#funnel-documents")
    bars, lines = chart.locator(MARKS), page.locator("#overview tbody tr:visible")
    before = (bars.count(), page.locator("#overview dd:visible strong").first.inner_text())
    assert lines.count() == len(SOURCES) + 1
    assert bars.count() == 8 * len(SOURCES)
    page.locator("[data-source-filter] input[value=wiki]").dispatch_event("click")
    bars.nth(8).wait_for(state="detached")
    assert bars.count() == 8
    assert lines.count() == 1
    assert lines.locator("th").inner_text() == "wiki"
    assert page.locator("#overview dd:visible strong").first.inner_text() != before[1]
    assert page.locator("[data-source=web]:visible").count() == 0
    assert page.locator("#funnel th[data-source=wiki]:visible").count() > 0
    page.locator("[data-source-filter] input[value=web]").dispatch_event("click")
    assert page.locator(".rule:visible").count() == 3, "one rule is not of this source"


def test_what_is_said_of_all_sources_says_so_when_one_is_chosen(page: Any) -> None:
    """Key figures and totals of rules follow the filter, findings cannot."""
    chart = page.locator("#funnel-documents")
    label, before = chart.locator("[role=img]"), "e => getComputedStyle(e, '::before').content"
    told = label.get_attribute("aria-label")
    assert "all sources" not in chart.locator(".finding").evaluate(before)
    page.locator("[data-source-filter] input[value=wiki]").dispatch_event("click")
    assert chart.locator(".finding").evaluate(before) == '"· all sources: "'
    assert label.get_attribute("aria-label") == f"All sources: {told}"
    for place in ("#mix .lead", "#duplicates .entry > p"):
        assert page.locator(place).first.evaluate(before) == '"All sources: "'
    removed = page.locator(".rule:visible .removed:visible").all_inner_texts()
    assert [text.split()[-1] for text in removed] == ["1", "10", "21", "31"]
    page.locator("[data-source-filter] input").first.dispatch_event("click")
    assert label.get_attribute("aria-label") == told


def test_rules_are_filtered_by_stage_and_text_and_ordered(page: Any) -> None:
    rules = page.locator(".rule:visible h3")
    assert rules.count() == 4
    page.locator("[name=stage]").select_option("content")
    assert rules.all_inner_texts() == ["made.column_1", "made.column_3"]
    assert page.locator("[data-rule-count]").inner_text() == "2 of 4 rules"
    page.locator("[name=text]").fill("COLUMN_3")
    assert rules.all_inner_texts() == ["made.column_3"]
    page.locator("[name=text]").fill("nothing like it")
    assert page.locator("[data-no-rules]").is_visible()
    page.locator("[name=text]").fill("")
    page.locator("[name=stage]").select_option("")
    page.locator("[name=order]").select_option("removed")
    assert rules.first.inner_text() == "made.column_3"
    page.locator("[name=order]").select_option("recipe")
    assert rules.first.inner_text() == "made.column_0"


def test_columns_without_a_rule_are_drawn_when_they_are_opened(browser: Any, file: Path) -> None:
    with opened(browser, file) as made:
        section = made.page.locator("#columns")
        section.scroll_into_view_if_needed()
        assert not section.locator("figure").first.is_visible()
        section.locator("summary").first.press("Enter")
        section.locator("figure").nth(1).scroll_into_view_if_needed()
        section.locator("figure").nth(1).locator("svg").wait_for()
        titles = section.locator("figcaption strong").all_inner_texts()
        assert titles == ["made.free_0", "made.free_1"]
        assert made.complaints == []


def test_columns_without_a_rule_make_room_before_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dolma_pipe.report.html.report_page.LARGEST", 1_700_000)
    made = render_page(made_page(columns=90))
    assert len(made.encode()) <= 1_700_000
    assert "To stay below 5 MB 60 columns without a rule are left out." in made


def test_the_unit_of_the_funnel(page: Any) -> None:
    tokens = page.locator("#funnel-tokens")
    assert not tokens.is_visible()
    page.locator("input[value=funnel-tokens]").dispatch_event("click")
    see(page, "#funnel-tokens")
    assert not page.locator("#funnel-documents").is_visible()
    assert "~ " in tokens.locator("svg").inner_html(), "estimates are marked"
    page.locator("input[value=funnel-documents]").dispatch_event("click")


def test_of_many_sources_the_largest_have_colours_and_the_others_share_a_grey(
    browser: Any, tmp_path: Path
) -> None:
    names = tuple(f"source-{i}" for i in range(14))
    made = made_page(sources=names)
    sizes = dict(zip(names, (7 * i % 14 for i in range(14)), strict=True))
    intake = tuple(replace(row, documents=sizes[row.source]) for row in made.intake)
    file = tmp_path / "many.html"
    file.write_text(render_page(replace(made, intake=intake)), encoding="utf-8")
    largest = sorted(names, key=lambda name: -sizes[name])[:9]
    with opened(browser, file, color_scheme="light") as many:
        page = many.page
        see(page, "#funnel-documents")
        colours = "e => e.map(m => getComputedStyle(m).fill)"
        drawn = page.locator(f"#funnel-documents {MARKS}").evaluate_all(colours)
        dots = page.locator("#overview tbody .dot").evaluate_all(
            "e => e.map(d => [d.parentElement.textContent, getComputedStyle(d).backgroundColor])"
        )
        by_name = dict(dots)
        assert [name for name, _ in dots[:9]] == largest
        assert len({by_name[name] for name in largest}) == 9
        assert len({by_name[name] for name in names if name not in largest}) == 1
        assert set(drawn) == set(by_name.values())
        legend = page.locator(".filters .legend li").all_inner_texts()
        assert [text.strip() for text in legend] == [*largest, "5 others"]
        page.locator(".filters select").select_option("source-0")
        page.locator("#funnel-documents .mark-rect path").nth(8).wait_for(state="detached")
        left = page.locator(f"#funnel-documents {MARKS}").evaluate_all(colours)
        assert set(left) == {by_name["source-0"]}
        assert many.complaints == []


def test_lines_that_are_cut_out_do_not_dwarf_personal_data() -> None:
    page = made_page()
    web, *rest = page.spans
    rows = (web, *(replace(row, spans=99_999) if not row.hidden else row for row in rest))
    hidden, others = parts_of(replace(page, spans=rows))
    assert [row.column for row in hidden.rows] == ["pii.email"] * len(SOURCES)
    assert [row.column for row in others.rows] == ["c4.removed"] * len(SOURCES)
    rates = {name: chart.rows[0][:3] for name, chart in hidden.charts.items()}
    assert rates == {
        "documents": ("web", "pii.email", 1000 * web.documents / web.sampled),
        "spans": ("web", "pii.email", 1000 * web.spans / web.sampled),
    }
    assert hidden.charts["spans"].finding == "pii.email has most, 250 in all sources together"
    assert list(others.charts) == ["spans"]


def test_the_theme_is_switched_and_remembered(browser: Any, file: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, file, color_scheme="light") as made:
        page, button = made.page, made.page.locator("[data-theme-switch]")
        light = page.evaluate(ground)
        button.click()
        assert button.inner_text() == "Theme: light"
        button.click()
        dark = page.evaluate(ground)
        assert dark != light
        page.reload()
        assert page.evaluate(ground) == dark
        assert made.page.locator("[data-theme-switch]").inner_text() == "Theme: dark"
        assert made.complaints == []
    with opened(browser, file, color_scheme="dark") as made:
        assert made.page.evaluate(ground) == dark


def test_the_keyboard_reaches_every_kind_of_control_and_shows_where_it_is(
    browser: Any, file: Path
) -> None:
    """A walk by Tab from the top comes to each of them; nothing holds it."""
    with opened(browser, file) as made:
        page, seen = made.page, []
        for _ in range(70):
            page.keyboard.press("Tab")
            seen.append(
                page.evaluate(
                    """(() => { const e = document.activeElement; return e.className || e.name ||
                       e.dataset.copies || e.hash || e.tagName; })()"""
                )
            )
        wanted = ["skip", "theme js-only", "#rules", "source", "unit", "stage", "text", "order"]
        assert [seen.index(name) for name in wanted] == sorted(map(seen.index, wanted))
        page.locator(".rule summary").first.focus()
        page.keyboard.press("Enter")
        assert page.locator(".rule").first.evaluate("r => r.open")
        page.locator("[data-source-filter] input").first.focus()
        page.keyboard.press("ArrowRight")
        assert page.locator("#overview tbody tr:visible th").all_inner_texts() == ["web"]
        outline = "getComputedStyle(document.activeElement.nextElementSibling).outlineStyle"
        assert page.evaluate(outline) == "solid"


def test_every_chart_has_a_name_a_finding_and_a_twin(shown: Opened) -> None:
    for chart in shown.page.locator("figure.chart").all():
        label = chart.locator("[role=img]").get_attribute("aria-label")
        assert label is not None
        assert len(label) > 20
        assert chart.locator("figcaption strong").count() == 1
        assert chart.locator("table caption").count() == 1
        assert chart.locator("tbody tr").count() > 0
        assert chart.locator("th:not([scope])").count() == 0
    told = shown.page.locator("#funnel-documents tbody tr").first.inner_text().split()
    assert told == ["input", "1,000", "1,000", "1,000", "3,000"]


def test_headings_are_in_order_and_tables_have_captions(shown: Opened) -> None:
    levels = shown.page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert shown.page.locator("table:not(:has(caption))").count() == 0
    assert shown.page.locator("[id]").count() == shown.page.evaluate(
        "new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size"
    )


def test_a_narrow_window_shows_all_of_it(browser: Any, file: Path) -> None:
    with opened(browser, file, viewport={"width": 400, "height": 800}) as made:
        made.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        see(made.page, "#funnel-documents")
        assert made.page.evaluate("document.documentElement.scrollWidth") <= 400


def test_without_javascript_tables_and_texts_are_there(browser: Any, file: Path) -> None:
    with opened(browser, file, java_script_enabled=False) as made:
        page = made.page
        assert page.locator("noscript").is_visible()
        assert page.locator("#overview tbody tr").first.is_visible()
        assert not page.locator("[data-rule-filter]").is_visible()
        page.locator(".rule summary").first.click()
        assert page.locator(".rule .excerpt").first.is_visible()


def test_a_page_shows_less_rather_than_grow_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    long = made_page(rules=12, text=HOSTILE * 12)
    whole = render_page(long)
    assert len(whole.encode()) <= LARGEST
    assert "To stay below 5 MB" not in whole
    for size in (1_400_000, 1_150_000):
        monkeypatch.setattr("dolma_pipe.report.html.report_page.LARGEST", size)
        short = render_page(long)
        assert len(short.encode()) <= size < len(whole.encode())
        assert "To stay below 5 MB" in short
        assert "made.column_11" in short


def test_the_same_page_twice_is_the_same_file() -> None:
    assert render_page(made_page()) == render_page(made_page())
