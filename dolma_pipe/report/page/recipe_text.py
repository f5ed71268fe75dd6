"""The resolved recipe as YAML that people read: long lists of files shortened."""

from io import StringIO
from typing import Any

import msgspec

from dolma_pipe.recipe import FILTER_STAGES, Source
from dolma_pipe.report.finished import StoredRecipe

FILES = 5
"""Of a source; of more, some and how many."""


def recipe_text(recipe: StoredRecipe) -> str:
    """Every setting as it was used, stages under their source."""
    from ruamel.yaml import YAML  # a tenth of a second: not for who only looks at the model

    told: dict[str, Any] = {"name": recipe.name, "seed": recipe.seed}
    told["sources"] = {source.name: _source(source) for source in recipe.sources}
    if recipe.dedup:
        told["dedup"] = [
            {entry["method"]: {k: v for k, v in entry.items() if k != "method"}}
            for entry in recipe.dedup
        ]
    told |= {k: v for k, v in (("mix", recipe.mix), ("tokenize", recipe.tokenize)) if v is not None}
    told["max_document_bytes"] = recipe.max_document_bytes
    text = StringIO()
    yaml = YAML(typ="rt")
    yaml.default_flow_style = None
    yaml.width = 100
    yaml.dump(told, text)
    return text.getvalue()


def _source(source: Source) -> dict[str, Any]:
    uris = [shard.uri for shard in source.inputs]
    if len(uris) > FILES:
        uris = [*uris[: FILES - 2], f"... {len(uris) - FILES + 1:,} more ...", uris[-1]]
    told: dict[str, Any] = {"documents": uris, **msgspec.to_builtins(source.reading)}
    for stage in FILTER_STAGES:
        section = {
            "taggers": [
                {use.found.name: use.settings} for use in source.taggers if use.stage == stage
            ],
            "keep": {r.column: [r.minimum, r.maximum] for r in source.rules if r.stage == stage},
            "mask": {m.column: m.replacement for m in source.masks if m.stage == stage},
        }
        if any(section.values()):
            told[stage] = {name: value for name, value in section.items() if value}
    return told
