"""docs/training.md and the pages beside it name every setting of train.yaml."""

import re

import msgspec
import pytest

from dolma_pipe.train import config
from tests.docs.pages import DOCS

PAGES = ("training", "tuning", "training-curves", "evaluation", "checkpoints")
SECTIONS = [
    kind
    for kind in vars(config).values()
    if isinstance(kind, type) and issubclass(kind, config.Settings) and kind.__struct_fields__
]


@pytest.mark.parametrize("kind", SECTIONS, ids=lambda kind: kind.__name__)
def test_every_setting_is_told(kind: type) -> None:
    text = "".join((DOCS / f"{page}.md").read_text(encoding="utf-8") for page in PAGES)
    code = re.findall(r"`([^`\n]+)`|^    (.*)$", text, re.M)
    told = set(re.findall(r"\w+", " ".join(word for pair in code for word in pair)))
    assert {field.encode_name for field in msgspec.structs.fields(kind)} <= told
