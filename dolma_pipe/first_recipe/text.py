"""The recipe with its comments: what each stage does, with thresholds that were published."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from dolma_pipe.first_recipe.groups import Group
from dolma_pipe.first_recipe.look import Seen, bad_told
from dolma_pipe.report.terminal import is_harmless

SCHEMA_FILE = "mix.schema.json"
ENGLISH, MOST_OTHERS = 0.5, 8
"""From this share of English on it is what is kept; below, so many languages are scored."""
USUAL_BAD = 0.001
"""The share of bad lines that a run puts up with by default."""
_PLAIN = re.compile(r"[A-Za-z0-9_./*~-][A-Za-z0-9_./*=+@~-]*")
_YAML_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "~"}

PROSE_RULES = """\
    gopher.words: [50, 100000]                     # Gopher: Rae et al. 2021, table A1
    gopher.mean_word_length: [3, 10]
    gopher.symbol_to_word_ratio: [null, 0.1]
    gopher.bullet_lines: [null, 0.9]
    gopher.ellipsis_lines: [null, 0.3]
    gopher.alphabetic_words: [0.8, null]           # 0.7 keeps more of technical writing
{stop_words}    gopher_repetition.duplicate_lines: [null, 0.3] # the same: repetition
    gopher_repetition.duplicate_paragraphs: [null, 0.3]
    gopher_repetition.duplicate_line_characters: [null, 0.2]
    gopher_repetition.duplicate_paragraph_characters: [null, 0.2]
    gopher_repetition.top_2gram: [null, 0.2]
    gopher_repetition.top_3gram: [null, 0.18]
    gopher_repetition.top_4gram: [null, 0.16]
    c4.has_lorem_ipsum: [null, 0]                  # C4: Raffel et al. 2020
"""
STOP_WORDS = "    gopher.stop_words: [2, null]                   # of English\n"
CODE_RULES = """\
        code.max_line_length: [null, 1000]         # The Stack: Kocetkov et al. 2022
        code.mean_line_length: [null, 100]
        code.alphabetic_share: [0.25, null]        # StarCoder: Li et al. 2023
        code.xml_header: [null, 0]
        code.data_file: [null, 0]
        code.auto_generated: [null, 0]
"""
COMMENT_RULE = """\
        code_comments.share: [0.01, 0.8]           # SantaCoder: Ben Allal et al. 2023
"""
OTHER_RULES = "without_english"
"""The anchor of the rules for prose that is not English."""


class Looked(NamedTuple):
    """A source and what it looks like."""

    group: Group
    seen: Seen


def recipe_text(name: str, looked: Sequence[Looked], *, code_extra: bool) -> str:
    """The recipe of sources of which one at least has no problem. code_extra: whether the package
    that parses source code is installed."""
    good = [one for one in looked if one.seen.problem is None]
    prose = [one for one in good if one.seen.kind == "prose"]
    chats = [one for one in good if one.seen.kind == "chat"]
    english = not prose or any(_is_english(one.seen) for one in prose)
    lines = [
        f"# yaml-language-server: $schema={SCHEMA_FILE}",
        "# Made by `dolma-pipe init` for the documents that it found. With the first line editors",
        f"# complete and check it, once `dolma-pipe schema --out {SCHEMA_FILE}` stands beside it.",
        "# Every section may be changed or left out: `dolma-pipe list` shows what can stand here,",
        "# `dolma-pipe check` what would run. After an edit only what depends on it runs again.",
        f"name: {_value(name)}",
        "seed: 3920  # of every random choice: the same recipe gives the same bytes",
        *_max_bad(good),
        "",
        "# What is read. A source may skip a stage, or have taggers, rules and masks of its own.",
        "sources:",
    ]
    for one in looked:
        lines += _source(one, english, code_extra, any(f"&{OTHER_RULES}" in line for line in lines))
    lines += [""]
    if prose or not good:
        lines += [*_language(english, prose), "", *_quality(english), ""]
    lines += [*_content(), "", *_dedup(good), "", *_mix(good), "", *_tokenize(bool(chats))]
    return "\n".join(lines) + "\n"


def recipe_name(out: Path) -> str:
    """Of a recipe in this file; mix.yaml says nothing, the folder around it does."""
    stem = out.stem if out.stem != "mix" else out.resolve().parent.name
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-.")[:100] or "mix"


def _is_english(seen: Seen) -> bool:
    return not seen.languages or seen.languages.get("en", 0) >= ENGLISH


def _max_bad(good: Sequence[Looked]) -> Iterator[str]:
    """As much as the samples ask for: with less the run would stop."""
    share = max((len(seen.bad) / (len(seen.bad) + seen.documents) for _, seen in good), default=0)
    if share > USUAL_BAD:
        told = f"of a source up to {share:.1%} of the lines looked at are no documents"
        yield f"max_bad: {min(0.9, 2 * share):.2g}  # {told}; by default 0.001"


def _source(one: Looked, english: bool, code_extra: bool, anchored: bool) -> Iterator[str]:
    group, seen = one
    yield f"  # {told(one)}"
    if seen.problem is not None:
        yield f"  # {_value(group.name)}: {{documents: {_value(group.documents)}}}"
        return
    if group.left_out:
        files = "1 file" if group.left_out == 1 else f"{group.left_out:,} files"
        yield f"  # {files} of other splits (validation, test) left out"
    yield f"  {_value(group.name)}:"
    yield f"    documents: {_value(group.documents)}"
    if any("." not in name.rsplit("/", 1)[-1] for name in group.files):
        yield f"    format: {group.format}"
    columns = msgspec.to_builtins(seen.columns)
    if columns:
        yield f"    columns: {_value(columns)}  # all others become metadata"
    if group.format == "warc":
        yield "    # html: resiliparse  # the main content of pages; trafilatura, all_text"
    if seen.kind == "chat":
        yield "    messages: true  # conversations: only what the assistant says is learned"
        yield "    skip: [language, quality]  # rules for running text say nothing about answers"
    elif seen.kind == "code":
        yield from _code(code_extra)
    elif english and not _is_english(seen):
        yield from _other_languages(seen, anchored)


def told(one: Looked) -> str:
    """A line about a source."""
    group, seen = one
    files = "1 file" if len(group.files) == 1 else f"{len(group.files):,} files"
    size = "" if group.bytes is None else f", {_size(group.bytes)}"
    parts = [f"{group.format}, {files}{size}"]
    if seen.problem is not None:
        return f"{parts[0]}; not used: {seen.problem}"
    parts.append(f"{seen.characters // max(1, seen.documents):,} characters a document")
    if seen.kind == "code":
        parts.append("source code")
    elif seen.kind == "chat":
        parts.append("conversations")
    if seen.languages:
        most = [
            f"{name} {share:.0%}"
            for name, share in list(seen.languages.items())[:4]
            if share >= 0.01
        ]
        parts.append(", ".join(most))
    if seen.url_share >= 0.5:
        parts.append("with metadata.url")
    if seen.bad:
        parts.append(f"of the lines {bad_told(seen.bad)}")
    return "; ".join(parts) + f" (of {seen.documents:,} looked at)"


def _size(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.2f} MB"


def _code(code_extra: bool) -> Iterator[str]:
    yield "    skip: [language]  # a model of languages knows no programs"
    yield "    quality:  # rules for prose would drop all code"
    yield f"      taggers: [{'code, code_comments' if code_extra else 'code'}]"
    yield "      keep:"
    yield from CODE_RULES.splitlines()
    if code_extra:
        yield from COMMENT_RULE.splitlines()
    else:
        yield "        # with `pip install 'dolma-pipe[code]'` also the tagger code_comments and:"
        yield f"        # {COMMENT_RULE.strip()}"


def _other_languages(seen: Seen, anchored: bool) -> Iterator[str]:
    """anchored: whether the rules stand above already."""
    names = [name for name in seen.languages if _PLAIN.fullmatch(name)][:MOST_OTHERS]
    yield "    language:  # mostly not English: scored, and nothing dropped for it"
    yield f"      taggers: [{{lid: {{languages: {_value(names)}}}}}]"
    yield "      keep: {}"
    if anchored:
        yield f"    quality: {{keep: *{OTHER_RULES}}}  # as above, without the rule that is English"
        return
    yield "    quality:"
    yield f"      keep: &{OTHER_RULES}  # the rules below but for the one that is English"
    yield from ("    " + line for line in PROSE_RULES.format(stop_words="").splitlines())


def _language(english: bool, prose: Sequence[Looked]) -> list[str]:
    head = "# 1. Language: fastText's lid.176 (Joulin et al. 2016) on the whole document."
    if english:
        return [
            head,
            "language:",
            "  taggers: [{lid: {model: lid176, languages: [en]}}]",
            "  keep: {lid.en: [0.5, null]}  # Dolma 1; FineWeb and OLMo 3: 0.65",
        ]
    found: dict[str, float] = {}
    for one in prose:
        for name, share in one.seen.languages.items():
            found[name] = found.get(name, 0) + share
    names = sorted(found, key=lambda name: -found[name])[:MOST_OTHERS]
    return [
        f"{head} Here mostly not English:",
        "# scored, and nothing dropped for it; keep: {lid.de: [0.5, null]} would keep German.",
        "language:",
        f"  taggers: [{{lid: {{model: lid176, languages: {_value(names)}}}}}]",
    ]


def _quality(english: bool) -> list[str]:
    return [
        "# 2. Quality: a tagger scores, a rule [least, most] drops; the first that fails is told.",
        "# `extends: fineweb` (c4, dolma-v1, all-dressed ...) instead takes a published set whole;",
        "# `dolma-pipe sweep` tells what another threshold would keep.",
        "quality:",
        "  taggers: [gopher, gopher_repetition, c4]",
        "  keep:",
        *PROSE_RULES.format(stop_words=STOP_WORDS if english else "").splitlines(),
    ]


def _content() -> list[str]:
    return [
        "# 3. Content: personal data is masked; a document with much of it goes (Dolma 1).",
        "# Block lists of URLs: {url: {domains: FILE}} and url.blocked_subdomain: [null, 0].",
        "content:",
        "  taggers: [pii]",
        "  keep: {pii.count: [null, 5]}",
        "  mask:",
        '    pii.email: "|||EMAIL_ADDRESS|||"',
        '    pii.phone: "|||PHONE_NUMBER|||"',
        '    pii.ip: "|||IP_ADDRESS|||"',
    ]


def _dedup(good: Sequence[Looked]) -> list[str]:
    prefer = [one.group.name for one in good if one.seen.url_share < 0.5]
    web = [one.group.name for one in good if one.seen.url_share >= 0.5]
    lines = [
        "# 4. Copies over the whole corpus: equal texts, then near ones (MinHash as in FineWeb,",
        "# each pair compared: a document goes only for one that stays).",
        "# Evaluation sets are kept out by:  - decontaminate: {evaluations: {NAME: evals/*.jsonl}}",
    ]
    if prefer and web:
        lines.append(
            f"# Whose copies stay: longest, or those of a source: prefer: {_value(prefer[:1])}"
        )
    return [
        *lines,
        "dedup:",
        "  - exact: {}",
        "  - minhash: {bands: 14, rows: 8, shingle: 5, verify: 0.8, keep: longest}",
    ]


def _mix(good: Sequence[Looked]) -> list[str]:
    names = [one.group.name for one in good]
    return [
        "# 5. Mix: every source as large as it is. `dolma-pipe plan` tells it before the run.",
        "# Instead of a mixer: shares that sum to 1, and how often a source may be repeated:",
        f"#   shares: {{{_value(names[0])}: 0.8{', ...' if names[1:] else ''}}}",
        f"#   upsample: {{{_value(names[0])}: 4}}",
        "mix:",
        "  mixer: natural",
        "  held_out: 0.01  # share of the documents that is kept for validation",
        "  # target_tokens: 10_000_000",
    ]


def _tokenize(chats: bool) -> list[str]:
    chat = "\n  chat: tulu  # how conversations are written; or chatml" if chats else ""
    return [
        "# 6. Token arrays: memory-mapped, as dolma, OLMo and nanoGPT read them.",
        "tokenize:",
        f"  tokenizer: gpt-neox-olmo  # or the path of any tokenizer.json{chat}",
    ]


def _value(value: object) -> str:
    """In flow style; text as JSON where YAML could take it for something else."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_value(k)}: {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if value is None:
        return "null"
    text = str(value)
    plain = _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS and not text.startswith("*")
    looks_a_number = re.match(r"[-+.]?\d", text)
    return text if plain and not looks_a_number else _quoted(text)


def _quoted(text: str) -> str:
    """In quotes; legible, but for what is not seen."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(c if is_harmless(c) else f"\\U{ord(c):08x}" for c in written)
