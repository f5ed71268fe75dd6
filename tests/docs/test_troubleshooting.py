"""docs/troubleshooting/ has every message that a user can meet, with its cause and its cure."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.docs.messages import HOLE, ROOT, collected, plain

PAGES = ROOT / "docs" / "troubleshooting"
ENTRY = re.compile(r"^- (`+) ?(.+?) ?\1$")
HOW = """
An entry of docs/troubleshooting/PAGE.md is each message as it stands in the source, with … for
what varies, and below it what happened and what to do:

    - `…: no file matches …`
    - `…: another message with the same cause and cure`

    Cause: one sentence. Cure: what to type or edit.

Either the message with a hole for each variable, or each of its variants, as printed above."""
TOLD_ELSEWHERE: dict[str, str] = {
    # not raised, but printed, counted or told in a table: the file that holds their words
    "a bug, in the last file named above: if that is not yours, please report it": (
        "dolma_pipe/cli/main.py"
    ),
    "interrupted; run again to go on": "dolma_pipe/cli/main.py",
    "terminated; run again to go on": "dolma_pipe/cli/main.py",
    "nothing comes from rank …: its share is done here until it is back": (
        "dolma_pipe/engine/array.py"
    ),
    "… was used by …: watching for … s whether that run lives": "dolma_pipe/work/lease.py",
    "damaged record batch: …": "dolma_pipe/formats/arrow.py",
    "truncated or damaged record batch: …": "dolma_pipe/formats/arrow.py",
    "damaged row": "dolma_pipe/formats/arrow.py",
    "truncated: the stream does not end": "dolma_pipe/formats/arrow.py",
}
UNDER_WAY: tuple[str, ...] = (
    "dolma_pipe/ablation/ablate.py",
    "dolma_pipe/ablation/curation.py",
    "dolma_pipe/ablation/training.py",
    "dolma_pipe/ablation/yardstick.py",
    "dolma_pipe/cli/ablate.py",
    "dolma_pipe/cli/checkpoints.py",
    "dolma_pipe/cli/classifier.py",
    "dolma_pipe/cli/dedup.py",
    "dolma_pipe/cli/mix.py",
    "dolma_pipe/cli/options.py",
    "dolma_pipe/cli/sweep.py",
    "dolma_pipe/cli/tokens_export.py",
    "dolma_pipe/cli/tokens_import.py",
    "dolma_pipe/cli/tokens_read.py",
    "dolma_pipe/curve_mixer.py",
    "dolma_pipe/fetched_arrays.py",
    "dolma_pipe/learn/card.py",
    "dolma_pipe/learn/evaluate.py",
    "dolma_pipe/learn/fit.py",
    "dolma_pipe/learn/lines.py",
    "dolma_pipe/learn/samples.py",
    "dolma_pipe/learn/train.py",
    "dolma_pipe/mix_settings.py",
    "dolma_pipe/mixer.py",
    "dolma_pipe/mixing.py",
    "dolma_pipe/mixture/fit.py",
    "dolma_pipe/mixture/frozen.py",
    "dolma_pipe/mixture/given.py",
    "dolma_pipe/mixture/recipes.py",
    "dolma_pipe/mixture/supply.py",
    "dolma_pipe/mixture/swarm_files.py",
    "dolma_pipe/mixture/table.py",
    "dolma_pipe/passes/mix.py",
    "dolma_pipe/passes/synthesize.py",
    "dolma_pipe/recipe_checks.py",
    "dolma_pipe/recipe_file.py",
    "dolma_pipe/report/token_stats.py",
    "dolma_pipe/run.py",
    "dolma_pipe/share_mixer.py",
    "dolma_pipe/stages/mix/divide.py",
    "dolma_pipe/stages/mix/documents.py",
    "dolma_pipe/stages/pack.py",
    "dolma_pipe/stages/tokenize.py",
    "dolma_pipe/tokenizer/chat.py",
    "dolma_pipe/tokenizer/fast.py",
    "dolma_pipe/tokenizer/probe.py",
    "dolma_pipe/tokens/arrays.py",
    "dolma_pipe/tokens/documents.py",
    "dolma_pipe/tokens/exporting.py",
    "dolma_pipe/tokens/formats.py",
    "dolma_pipe/tokens/importing.py",
    "dolma_pipe/tokens/manifest.py",
    "dolma_pipe/tokens/packed.py",
    "dolma_pipe/tokens/packed_check.py",
    "dolma_pipe/tokens/packing_plan.py",
    "dolma_pipe/tokens/place.py",
    "dolma_pipe/tokens/rows.py",
    "dolma_pipe/tokens/writer.py",
    "dolma_pipe/train/checkpoint.py",
    "dolma_pipe/train/checkpoints/compare.py",
    "dolma_pipe/train/checkpoints/delta.py",
    "dolma_pipe/train/checkpoints/listing.py",
    "dolma_pipe/train/checkpoints/packing.py",
    "dolma_pipe/train/checkpoints/publish.py",
    "dolma_pipe/train/checkpoints/retention.py",
    "dolma_pipe/train/checkpoints/selecting.py",
    "dolma_pipe/train/checkpoints/weights.py",
    "dolma_pipe/train/config.py",
    "dolma_pipe/train/data/batches.py",
    "dolma_pipe/train/data/corpus.py",
    "dolma_pipe/train/data/encoded.py",
    "dolma_pipe/train/data/folders.py",
    "dolma_pipe/train/data/instances.py",
    "dolma_pipe/train/data/opening.py",
    "dolma_pipe/train/data/raw.py",
    "dolma_pipe/train/evaluation/compare.py",
    "dolma_pipe/train/evaluation/evaluator.py",
    "dolma_pipe/train/evaluation/held_out.py",
    "dolma_pipe/train/evaluation/models.py",
    "dolma_pipe/train/evaluation/requests.py",
    "dolma_pipe/train/evaluation/tasks.py",
    "dolma_pipe/train/evaluation/tokenizer.py",
    "dolma_pipe/train/fitting.py",
    "dolma_pipe/train/meta.py",
    "dolma_pipe/train/model/fp8.py",
    "dolma_pipe/train/model/presets.py",
    "dolma_pipe/train/model/self_test.py",
    "dolma_pipe/train/model/shape.py",
    "dolma_pipe/train/model/weights.py",
    "dolma_pipe/train/optimizer.py",
    "dolma_pipe/train/parallel.py",
    "dolma_pipe/train/plots/read.py",
    "dolma_pipe/train/plots/write.py",
    "dolma_pipe/train/schedule.py",
    "dolma_pipe/train/setup.py",
    "dolma_pipe/train/start.py",
    "dolma_pipe/train/tokenizer_files.py",
    "dolma_pipe/train/tuning/adapters.py",
    "dolma_pipe/train/tuning/deltas.py",
    "dolma_pipe/train/tuning/lora.py",
    "dolma_pipe/train/tuning/merging.py",
    "dolma_pipe/train/tuning/weights.py",
    "mixers/flat.py",
)
"""Modules whose messages are not yet written down."""


class Entry(NamedTuple):
    """A message of a page, and the paragraph that explains it."""

    text: str
    page: str
    line: int
    told: str


def entries() -> list[Entry]:
    found: list[Entry] = []
    for path in sorted(PAGES.glob("*.md")):
        waiting: list[tuple[str, int]] = []
        for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
            lines = block.strip().split("\n")
            texts = [match[2] for line in lines if (match := ENTRY.match(line))]
            if texts:
                assert len(texts) == len(lines), f"{path.name}: a list of messages: {lines}"
                waiting += [(text, len(found)) for text in texts]
            elif waiting:
                found += [Entry(text, path.name, at, " ".join(lines)) for text, at in waiting]
                waiting = []
        assert not waiting, f"{path.name}: {waiting} without cause and cure"
    return found


ENTRIES = entries()
KNOWN = {entry.text for entry in ENTRIES}


def explained(text: str) -> bool:
    """There is an entry of the message, or of what it says after the place where it is wrong."""
    return any(text.removeprefix(place) in KNOWN for place in ("", "…: ", "…/…: "))


def test_every_message_has_an_entry() -> None:
    missing: dict[str, list[str]] = {}
    for message in collected():
        if message.module.startswith(UNDER_WAY):
            continue
        if not explained(message.text) and not all(map(explained, message.variants)):
            lacking = [each for each in message.variants if not explained(each)]
            variants = "".join(f"\n        or with {each}" for each in lacking)
            told = f"{message.text}{variants if lacking != [message.text] else ''}"
            missing.setdefault(f"{message.module}:{message.line} {message.error}", []).append(told)
    told = "\n".join(f"  {place}\n    {text}" for place, all_ in missing.items() for text in all_)
    assert not missing, f"no entry in docs/troubleshooting/:\n{told}\n{HOW}"


def test_every_entry_is_a_message_that_exists() -> None:
    there = {text for message in collected() for text in (message.text, *message.variants)}
    gone = [f"{e.page}: {e.text}" for e in ENTRIES if e.text not in there | set(TOLD_ELSEWHERE)]
    assert not gone, "no such message in the source any more:\n  " + "\n  ".join(gone)


def test_every_entry_tells_cause_and_cure() -> None:
    for entry in ENTRIES:
        cause, _, cure = entry.told.partition("Cure:")
        assert cause.startswith("Cause: "), f"{entry.page}: {entry.text}: no cause: {entry.told}"
        assert len(cause) > 15, f"{entry.page}: {entry.text}: no cause: {entry.told}"
        assert len(cure) > 8, f"{entry.page}: {entry.text}: no cure: {entry.told}"


def test_no_message_is_explained_twice_on_a_page() -> None:
    twice = [key for key, n in Counter((e.page, e.text) for e in ENTRIES).items() if n > 1]
    assert not twice, twice


def test_what_is_told_elsewhere_is_still_told() -> None:
    for text, file in TOLD_ELSEWHERE.items():
        source = plain(re.sub(r'"\s*\n\s*f?"', "", Path(ROOT / file).read_text(encoding="utf-8")))
        for part in filter(None, (piece.strip() for piece in text.split(HOLE))):
            assert part in source, f"{file} does not say: {part}"
        assert text in KNOWN, f"no entry in docs/troubleshooting/: {text}"
