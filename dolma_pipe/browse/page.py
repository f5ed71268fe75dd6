"""The page itself: made once, without a word of any document; its scripts ask for the rest."""

from dolma_pipe.report.html.render import Page, served_page


def page_of(name: str, place: str) -> Page:
    """Of a run. Raises MissingExtra where the extra `report` is not installed."""
    return served_page(
        "browse.html.j2", "browse.css", "browse", name=name, place=place, sections=()
    )
