"""For mkdocs: pages that lie outside of docs/, and the links to them."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

OUTSIDE = ("benchmarks/RESULTS.md", "CHANGELOG.md", "DECISIONS.md")


def on_files(files: Files, config: Any) -> Files:
    """The pages outside become pages of the site."""
    root = Path(config.config_file_path).parent
    for name in OUTSIDE:
        files.append(File.generated(config, name, content=(root / name).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """A link that leaves docs/ for one of them stays on the site."""
    up = "../" * page.file.src_path.count("/")
    names = "|".join(map(re.escape, OUTSIDE))
    return re.sub(rf"\]\({up}\.\./(?={names})", f"]({up}", markdown)
