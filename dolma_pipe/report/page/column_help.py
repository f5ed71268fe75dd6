"""What a column is, as the docstring of its tagger says it."""

import re

from dolma_pipe.recipe import Source
from dolma_pipe.report.page.excerpts import shortened
from dolma_pipe.report.page.tagger_files import docstring_of

LONGEST = 400
_BULLET = r"^[-*] (?=[^\n]*`{name}`)(.+?)(?=^[-*] |\n\n|\Z)"


def help_of(source: Source, column: str) -> str:
    """The item of the tagger's docstring that names the column, else its first paragraph; "" where
    its file is not here."""
    docstring, name = docstring_of(source, column), re.escape(column.partition(".")[2])
    item = re.search(_BULLET.format(name=name), docstring, re.MULTILINE | re.DOTALL)
    told = item[1] if item else docstring.partition("\n\n")[0]
    return shortened(" ".join(told.split()), LONGEST)
