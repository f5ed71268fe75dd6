"""`python -m benchmarks.parity FOLDER ...`: decisions of dolma, datatrove and ours compared."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.comparisons import block_list
from benchmarks.corpus import Corpus
from benchmarks.parity import c4, fineweb, gopher, language, repetition, tell, tools
from benchmarks.parity.compare import Agreement, compare, compare_spans, whole
from benchmarks.parity.documents import Doc
from benchmarks.parity.rules import Rule
from benchmarks.peers import PeerMissing, peer_python

Compared = list[tuple[Agreement, Rule | None]]

DOLMA = (*language.DOLMA, *gopher.DOLMA, *repetition.DOLMA, *c4.DOLMA)
DATATROVE = {
    "language": language.DATATROVE,
    "quality": gopher.DATATROVE,
    "repetition": repetition.DATATROVE,
    "c4": c4.DATATROVE,
    "fineweb": fineweb.DATATROVE,
}
ALONE = {"c4.sentences"}
"""Single rules that the whole filter, as published by FineWeb, leaves out: lines may end freely."""
MOST_SPANS = 5


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--megabytes", type=float, help="Only so much, spread over the folder.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the table here (Markdown).")
@click.option("--json", "json_out", type=click.Path(path_type=Path), help="And the numbers here.")
@click.option(
    "--memory",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder that remembers what the other tools said, for the next run.",
)
def main(
    folders: tuple[Path, ...],
    megabytes: float | None,
    out: Path | None,
    json_out: Path | None,
    memory: Path | None,
) -> None:
    """Compare on FOLDERS in dolma's layout (default: sample)."""
    sections, numbers = [tell.INTRODUCTION], []
    for folder in folders or (Path("sample"),):
        corpus = Corpus(folder)
        texts = corpus.spread(megabytes) if megabytes else corpus.texts
        sections.append(f"## {corpus.told()}; {len(texts):,} documents compared\n")
        print(sections[-1], flush=True)
        for title, compared in everything(texts, memory):
            sections.append(tell.section(title, compared, points(compared)))
            numbers += tell.as_json(title, compared)
            print(sections[-1], flush=True)
    if out:
        out.write_text("\n".join(sections), encoding="utf-8")
    if json_out:
        json_out.write_text(json.dumps(numbers, indent=1, ensure_ascii=False), encoding="utf-8")


def everything(texts: list[str], memory: Path | None) -> list[tuple[str, Compared]]:
    """Each tool that can be run, against ours."""
    try:
        words = block_list(peer_python("dolma"))
    except PeerMissing:
        words = None
    told, refusals = tools.peers(texts, peer_python, memory)
    for refusal in refusals:
        click.echo(f"not compared: {refusal}", err=True)
    mine = tools.ours(texts, words)
    docs = tools.documents(texts, mine, told, words)
    found = []
    if "dolma" in told:
        found.append(("dolma 1.2.1", with_dolma(docs, mine, told["dolma"])))
    if "datatrove" in told:
        found.append(("datatrove 0.10.1", with_datatrove(docs, mine, told["datatrove"])))
    return found


def with_dolma(docs: Sequence[Doc], mine: tools.Columns, told: dict[str, Any]) -> Compared:
    """Rule by rule, then the spans of personal data."""
    texts = [doc.text for doc in docs]
    compared: Compared = [
        (
            compare(
                rule, docs, tools.our_values(rule, mine), tools.dolma_values(rule, told, texts)
            ),
            rule,
        )
        for rule in DOLMA
        if rule.ours in mine
    ]
    ours = {kind: mine[f"pii.{kind}"] for kind in tools.DOLMA_SPANS}
    theirs = tools.dolma_spans(told)
    for kind, name in tools.DOLMA_SPANS.items():
        compared.append((compare_spans(f"any {name}", [kind], 0, docs, ours, theirs), None))
    name = f"doc_count over {MOST_SPANS}"
    kinds = list(tools.DOLMA_SPANS)
    return [*compared, (compare_spans(name, kinds, MOST_SPANS, docs, ours, theirs), None)]


def with_datatrove(docs: Sequence[Doc], mine: tools.Columns, told: dict[str, Any]) -> Compared:
    """Whole filters, their rules one by one, then what its PII formatter masks."""
    compared: Compared = []
    for name, rules in DATATROVE.items():
        known = [rule for rule in rules if rule.ours in mine]
        kept = [True] * len(docs)
        single: Compared = []
        for rule in known:
            values = tools.our_values(rule, mine)
            reasons = told["rules"][rule.theirs]
            single.append((compare(rule, docs, values, tools.datatrove_keeps(reasons)), rule))
            if rule.theirs not in ALONE:
                kept = [k and bool(rule.keeps(v)) for k, v in zip(kept, values, strict=True)]
        if known:
            theirs = tools.datatrove_keeps(told["rules"][f"whole.{name}"])
            names = [rule.name for rule in known if rule.theirs not in ALONE]
            together = whole(f"all of {name}", names, kept, theirs)
            compared += [(together, None), *single]
    ours = {kind: mine[f"pii_public.{kind}"] for kind in ("email", "ip")}
    spans = {"email": told["emails"], "ip": told["ips"]}
    for kind in spans:
        compared.append((compare_spans(f"any {kind} masked", [kind], 0, docs, ours, spans), None))
    return compared


def points(compared: Compared) -> dict[str, str]:
    """Every point of these rules in words; where two rules say it differently, both."""
    known: dict[str, str] = {}
    for _, rule in compared:
        for name, words in rule.points.items() if rule else ():
            if words not in known.get(name, ""):
                known[name] = f"{known[name]}; {words}" if name in known else words
    return known


if __name__ == "__main__":
    main()
