"""Personal data, secrets and masked text: a page counts them and does not show what they hold."""

from dolma_pipe.report.page.column_help import is_private
from dolma_pipe.report.page.sample import Sample


def hidden_columns(sample: Sample) -> dict[str, str]:
    """Columns of spans whose text is not for a page, and what stands there instead: those of a
    tagger that says so, and those that a mask replaces by a text."""
    masks = {mask.column: mask.replacement for mask in sample.source.masks}
    return {
        column: masks[column] if masks.get(column, "").strip() else f"⟨{column}⟩"
        for column, kind in sample.columns.items()
        if kind == "spans" and (masks.get(column, "").strip() or is_private(sample.source, column))
    }
