"""The work of the whole run, said once: our recipe and dolma's five configurations of it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.corpus import Corpus
from dolma_pipe.assets import asset_path
from dolma_pipe.tokenizer import load_tokenizer

ENGLISH = "whole__ft_lid_en__en"
GOPHER = "whole__gopher_v1__"
C4 = "whole__c4_v2__"
PII = "whole__pii_regex_with_counts_fast_v2__"
TAGGERS = ("ft_lid_en", "gopher_v1", "c4_v2", "pii_regex_with_counts_fast_v2")


class Rule(NamedTuple):
    """One rule, by our name and by dolma's: documents outside of [least, most] are dropped."""

    ours: str
    dolma: str
    least: float | None
    most: float | None


RULES = (
    Rule("lid.en", ENGLISH, 0.5, None),
    Rule("gopher.words", f"{GOPHER}word_count", 50, 100_000),
    Rule("gopher.alphabetic_words", f"{GOPHER}fraction_of_words_with_alpha_character", 0.7, None),
    Rule(
        "gopher_repetition.top_2gram",
        f"{GOPHER}fraction_of_characters_in_most_common_2grams",
        None,
        0.2,
    ),
    Rule("c4.has_lorem_ipsum", f"{C4}has_lorem_ipsum", None, 0.5),
    Rule("pii.count", f"{PII}doc_count", None, 5),
)
"""Those that mean the same on both sides, so that about the same documents survive."""

MASKS = (("pii.email", "EMAIL_ADDRESS"), ("pii.phone", "PHONE_NUMBER"), ("pii.ip", "IP_ADDRESS"))


def our_recipe(corpus: Corpus, block_list: Path | None, tokenizer: str) -> dict[str, Any]:
    """YAML of JSON: stages 1 to 6, every document used once."""

    def keep(*prefixes: str) -> dict[str, list[float | None]]:
        return {
            rule.ours: [rule.least, rule.most]
            for rule in RULES
            if rule.ours.split(".")[0] in prefixes
        }

    c4 = {"c4": {"blocked_words": str(block_list)} if block_list else {}}
    return {
        "name": "whole",
        "seed": 1,
        "sources": {
            name: {"documents": [str(p) for p in paths]} for name, paths in corpus.sources.items()
        },
        "language": {"taggers": ["lid"], "keep": keep("lid")},
        "quality": {
            "taggers": ["gopher", "gopher_repetition", c4],
            "keep": keep("gopher", "gopher_repetition", "c4"),
        },
        "content": {
            "taggers": ["pii"],
            "keep": keep("pii"),
            "mask": {column: f"|||{name}|||" for column, name in MASKS},
        },
        "dedup": [{"exact": {}}, {"minhash": {}}],
        "tokenize": {"tokenizer": tokenizer},
    }


def dolma_stages(corpus: Corpus, work: Path, tokenizer: str) -> dict[str, dict[str, Any]]:
    """Configurations of `dolma -c FILE COMMAND` in their order, by COMMAND or COMMAND:more.

    dolma writes beside its input: links to the documents stand in `work`.
    """
    documents = _linked(corpus, work)
    paragraphs = sum(text.count("\n") + 1 for text in corpus.texts)
    return {
        "tag": {"documents": documents, "taggers": TAGGERS, "experiment": "whole", "processes": 1}
        | {"tagger_modules": [str(Path(__file__).parent / "sides" / "dolma_language.py")]},
        "dedupe:documents": _dedupe(
            documents, work, "same_text", len(corpus.texts), {"documents": {"key": "$.text"}}
        ),
        "dedupe:paragraphs": _dedupe(
            documents, work, "same_paragraph", paragraphs, {"paragraphs": {}}
        ),
        "mix": {"processes": 1, "streams": [_stream(documents, work)]},
        "tokens": _tokens(work, tokenizer),
    }


def _linked(corpus: Corpus, work: Path) -> list[str]:
    """The pattern of links to all documents, in a folder where dolma may write."""
    folder = work / "data" / "documents"
    folder.mkdir(parents=True)
    for source, paths in corpus.sources.items():
        for path in paths:
            (folder / f"{source}-{path.name}").symlink_to(path)
    return [f"{folder}/*"]


def _dedupe(
    documents: Sequence[str], work: Path, name: str, elements: int, kind: dict[str, dict[str, str]]
) -> dict[str, Any]:
    """A Bloom filter of 19.2 bits an element: false positives 1e-4."""
    [(what, settings)] = kind.items()
    bloom = {"file": str(work / f"{name}.bloom"), "read_only": False}
    bloom |= {"size_in_bytes": max(4096, int(elements * 2.4)), "estimated_doc_count": elements}
    return {
        "documents": documents,
        "dedupe": {"name": name, "skip_empty": True, what: {"attribute_name": name, **settings}},
        "bloom_filter": {**bloom, "desired_false_positive_rate": 1e-4},
        "processes": 1,
    }


def dolma_dedupe(corpus: Corpus, work: Path) -> dict[str, dict[str, Any]]:
    """Configurations of `dolma dedupe` by whole text, and of `dolma mix` that drops what it found.

    dolma writes beside its input: links to the documents stand in `work`.
    """
    documents = _linked(corpus, work)
    found = {"documents": {"key": "$.text"}}
    stream = _stream(documents, work)
    stream |= {
        "attributes": ["same_text"],
        "filter": stream["filter"] | {"exclude": stream["filter"]["exclude"][:1]},
    }
    del stream["span_replacement"]
    return {
        "dedupe": _dedupe(documents, work, "same_text", len(corpus.texts), found),
        "mix": {"processes": 1, "streams": [stream]},
    }


def _stream(documents: Sequence[str], work: Path) -> dict[str, Any]:
    exclude = ["(.attributes.same_text != null) and (.attributes.same_text | length > 0)"]
    for rule in RULES:
        value = f".attributes.{rule.dolma}"
        there = f"({value} != null) and ({value} | length > 0)"
        exclude += [f"{there} and ({value}[0][2] < {rule.least})"] * (rule.least is not None)
        exclude += [f"{there} and ({value}[0][2] > {rule.most})"] * (rule.most is not None)
    spans = [
        {"span": f"$.attributes.{PII}{name}", "min_score": 0.5, "replacement": f" |||{name}||| "}
        for _, name in MASKS
    ]
    return {
        "name": "whole",
        "documents": documents,
        "attributes": ["whole", "same_text", "same_paragraph"],
        "output": {
            "path": str(work / "mixed"),
            "max_size_in_bytes": 1 << 30,
            "discard_fields": ["attributes"],
        },
        "filter": {"include": [], "exclude": exclude, "syntax": "jq"},
        "span_replacement": [
            {"span": "$.attributes.same_paragraph", "min_score": 0.5, "replacement": ""},
            *spans,
        ],
    }


def _tokens(work: Path, tokenizer: str) -> dict[str, Any]:
    ours = load_tokenizer(tokenizer)
    return {
        "documents": [str(work / "mixed" / "*")],
        "destination": str(work / "tokens"),
        "tokenizer": {
            "name_or_path": str(asset_path(tokenizer)),
            "eos_token_id": ours.eos_id,
            "pad_token_id": ours.pad_id,
            "encode_special_tokens": True,
        },
        "dtype": ours.dtype.name,
        "processes": 1,
    }


def written(path: Path, settings: dict[str, Any]) -> Path:
    """As JSON, which is YAML too."""
    path.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    return path
