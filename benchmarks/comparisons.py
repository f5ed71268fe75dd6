"""What is compared with whom: our side, its peers, and how their results are held together."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.checks import equal_share, near_share, same_estimates, signatures_equal, with_copies
from benchmarks.peers import package_file
from benchmarks.race import OURS, Side
from benchmarks.sides.ours import batches_of
from dolma_pipe.assets import asset_path
from dolma_pipe.batch import Batch
from dolma_pipe.kernels.shingles import shingles_of
from tests.slow.fasttext_writer import ModelFile

MEGABYTES_OF_SENTENCES = 10
BANDS, ROWS, SHINGLE, SEED = 14, 8, 5, 1

Check = Callable[[Any, Any, list[str]], str]
"""Our result, theirs and the documents; gives in words how near they are."""


@dataclass(frozen=True)
class Peer:
    """A side to compare with. least: the ratio of seconds that we want to reach."""

    side: Side
    check: Check
    least: float | None = None


@dataclass(frozen=True)
class Comparison:
    """about: what the work is. megabytes: of documents spread over the corpus; few if slow.

    all_cores: the sides use them, wall seconds are compared; else CPU seconds of one thread.
    """

    name: str
    about: str
    megabytes: float
    ours: Side
    peers: tuple[Peer, ...]
    all_cores: bool = False


@dataclass(frozen=True)
class Given:
    """What comparisons need. words: dolma's list of blocked words, where it is installed."""

    scratch: Path
    spread: Callable[[float], list[str]]
    words: Path | None
    tokenizer: str


def block_list(dolma: Path) -> Path:
    """The list of words that dolma's C4 tagger looks for; dolma: the Python that has it."""
    return package_file(dolma, "dolma/data/naughty_words_en.txt")


def _ours(what: str, name: str = "dolma-pipe", **arguments: Any) -> Side:
    return Side(name, OURS, f"benchmarks.sides.ours:{what}", arguments)


def _library(name: str, target: str, **arguments: Any) -> Side:
    return Side(name, "libraries", f"benchmarks.sides.{target}", arguments)


def _dolma(tagger: str, **arguments: Any) -> Side:
    return Side(
        f"dolma {tagger}",
        "dolma",
        "benchmarks.sides.dolma_side:Tag",
        {"tagger": tagger} | arguments,
    )


def _language(given: Given) -> Comparison:
    model = str(asset_path("lid176"))
    copy = str(shutil.copy(model, given.scratch / "lid176.ftz"))
    community = _library("fasttext-community, predict", "fasttext_side:Language", model=model)
    released = community._replace(name="fasttext 0.9.2, predict", environment="dolma")
    return Comparison(
        "language",
        "lid.176.ftz on whole documents; our memo of words is empty at the start of each round",
        40,
        _ours("Language", model=copy),
        (
            Peer(released, _same_language, 5),
            Peer(community, _same_language, 5),
            Peer(_dolma("ft_lid_en", model=model), _same_english),
        ),
    )


def _same_language(ours: Any, peer: Any, _texts: list[str]) -> str:
    labels = equal_share(ours["top"], peer["top"])
    scores = near_share(ours["top_score"], peer["top_score"], 1e-3)
    return f"label equal {labels:.2%}, probability within 1e-3 {scores:.2%}"


def _same_english(ours: Any, peer: Any, _texts: list[str]) -> str:
    share = equal_share([(n or 0) >= 0.5 for n in ours["en"]], [n >= 0.5 for n in peer["en"]])
    return f"en >= .5 equal {share:.2%} (dolma lower-cases)"


def _sentences(given: Given) -> Comparison:
    """The shape of Dolma 1's models of toxic text: word pairs, two labels, every sentence."""
    texts = given.spread(MEGABYTES_OF_SENTENCES)
    words = Counter(word for text in texts for word in text.split())
    names = ("</s>", *(word for word, _ in words.most_common(20_000)))
    made = ModelFile(
        dim=100, maxn=0, minn=0, word_ngrams=2, bucket=100_000, words=names, labels=("yes", "no")
    )
    model = str(made.write(given.scratch / "made-up.bin"))
    sentences = given.scratch / "sentences.json"
    found = [s for batch in batches_of(texts) for s in _sentences_of(batch)]
    sentences.write_text(json.dumps(found), encoding="utf-8")
    settings = {"model": model, "labels": ["yes"], "level": "sentence"}
    arguments = {"model": model, "label": "yes", "sentences": str(sentences)}
    community = _library("fasttext-community, predict", "fasttext_side:Sentences", **arguments)
    released = community._replace(name="fasttext 0.9.2, predict", environment="dolma")
    return Comparison(
        "sentences",
        "a made-up classifier of the shape of Dolma 1's (two labels, word pairs, 100 dimensions) on"
        " every sentence, the document's score their mean by characters; ours finds the sentences,"
        " the library is given them",
        MEGABYTES_OF_SENTENCES,
        _ours("Tag", taggers={"classifier": settings}),
        (Peer(released, _same_scores), Peer(community, _same_scores)),
    )


def _sentences_of(batch: Batch) -> list[list[str]]:
    """The sentences of each document."""
    found = batch.sentences
    data = batch.text.tobytes()
    all_of_them = [
        data[start:end].decode() for start, end in zip(found.starts, found.ends, strict=True)
    ]
    return [all_of_them[first:after] for first, after in pairwise(found.offsets.tolist())]


def _same_scores(ours: Any, peer: Any, _texts: list[str]) -> str:
    return f"score within 1e-3 {near_share(ours['yes'], peer, 1e-3):.2%}"


def _minhash(_: Given) -> Comparison:
    settings = {"bands": BANDS, "rows": ROWS, "shingle": SHINGLE, "seed": SEED}
    rensa = _library("rensa, shingles by Python", "rensa_side:Sign", **settings)
    datasketch = _library(
        "datasketch affine32, shingles by Python", "datasketch_side:Sign", **settings
    )
    shingles = _library("the shingles by Python alone", "datasketch_side:Shingle", **settings)
    return Comparison(
        "minhash",
        f"from text: lower case, no punctuation, {SHINGLE}-word shingles, {BANDS * ROWS}"
        " permutations (ours: and the band keys)",
        5,
        _ours("Sign", **settings),
        (
            Peer(rensa, same_estimates, 5),
            Peer(datasketch, same_estimates, 20),
            Peer(shingles, _part_of_theirs),
        ),
    )


def _minhash_hashes(given: Given) -> Comparison:
    texts = with_copies(given.spread(5))
    arguments = _shingle_hashes(given.scratch, texts) | {"count": BANDS * ROWS, "seed": SEED}
    rensa = _library("rensa", "rensa_side:SignHashes", **arguments)
    datasketch = _library("datasketch affine32", "datasketch_side:SignHashes", **arguments)
    return Comparison(
        "minhash-hashes",
        f"signatures alone, {BANDS * ROWS} permutations of the same given shingle hashes",
        5,
        _ours("SignHashes", **arguments),
        (Peer(rensa, _other_permutations), Peer(datasketch, signatures_equal, 20)),
    )


def _shingle_hashes(scratch: Path, texts: list[str]) -> dict[str, str]:
    """hashes: a file of uint64[shingles], offsets: of int64[documents + 1]."""
    hashes, counts = [np.empty(0, np.uint64)], [np.zeros(1, np.int64)]
    for batch in batches_of(texts):
        found, offsets = shingles_of(batch.text, batch.offsets, np.arange(len(batch)), SHINGLE)
        hashes.append(found)
        counts.append(np.diff(offsets))
    files = {"hashes": str(scratch / "hashes.npy"), "offsets": str(scratch / "offsets.npy")}
    np.save(files["hashes"], np.concatenate(hashes))
    np.save(files["offsets"], np.cumsum(np.concatenate(counts)))
    return files


def _other_permutations(_ours: Any, _peer: Any, _texts: list[str]) -> str:
    return "other permutations; compared from text above"


def _part_of_theirs(_ours: Any, _peer: Any, _texts: list[str]) -> str:
    return "part of both peers"


def _part_of_ours(_ours: Any, _peer: Any, _texts: list[str]) -> str:
    return "part of ours"


def _tokenize(given: Given) -> Comparison:
    path = str(asset_path(given.tokenizer))
    library = _library("tokenizers, one thread", "tokenizers_side:Encode", tokenizer=path)
    return Comparison(
        "tokenize",
        "token ids; special tokens in a text stay text",
        5,
        _ours("Encode", tokenizer=path),
        (Peer(library, _same_ids, 15),),
    )


def _tokenize_all(given: Given) -> Comparison:
    path = str(asset_path(given.tokenizer))
    library = _library("tokenizers, all cores", "tokenizers_side:EncodeOnAllCores", tokenizer=path)
    ours = Side("the encode pass", OURS, "benchmarks.sides.encode_pass:EncodePass", {})
    return Comparison(
        "tokenize-all-cores",
        "token ids on all cores, wall seconds; ours is the whole pass from curated shards to ids on"
        " the disk, the sample check in it, the library has its texts in memory and keeps the ids",
        20,
        ours._replace(arguments={"tokenizer": path}),
        (Peer(library, _same_ids, 10),),
        all_cores=True,
    )


def _same_ids(ours: Any, peer: Any, _texts: list[str]) -> str:
    return f"all ids equal in {equal_share(ours, peer):.2%} of documents"


def _exact(_: Given) -> Comparison:
    return Comparison(
        "exact",
        "xxh3-128 of the text with white space collapsed",
        20,
        _ours("Exact"),
        (
            Peer(
                _library('Python: xxhash, " ".join(text.split())', "plain_python:Exact"), _same_hash
            ),
        ),
    )


def _same_hash(ours: Any, peer: Any, _texts: list[str]) -> str:
    return f"hash equal {equal_share(ours, peer):.2%}"


def _gopher(_: Given) -> Comparison:
    names = ("gopher", "gopher_repetition")
    alone = [_ours("Tag", f"dolma-pipe {name} alone", taggers={name: {}}) for name in names]
    return Comparison(
        "gopher",
        "quality and repetition statistics: one tagger of dolma, two of ours",
        2,
        _ours("Tag", taggers={name: {} for name in names}),
        (Peer(_dolma("gopher_v1"), _same_gopher), *(Peer(side, _part_of_ours) for side in alone)),
    )


def _same_gopher(ours: Any, peer: Any, _texts: list[str]) -> str:
    words = equal_share(ours["words"], peer["word_count"])
    theirs = peer["fraction_of_characters_in_most_common_2grams"]
    grams = near_share(ours["top_2gram"], theirs, 1e-4)
    return (
        f"word count equal {words:.1%} (not in scripts without spaces), 2-gram share {grams:.1%}"
        " (of equally frequent ones ours takes the longest; 0 where none occurs twice)"
    )


def _c4(given: Given) -> Comparison:
    return Comparison(
        "c4",
        "line rules, and the list of blocked words that dolma has",
        10,
        _ours("Tag", taggers={"c4": {"blocked_words": str(given.words or "")}}),
        (Peer(_dolma("c4_v2"), _same_c4),),
    )


def _same_c4(ours: Any, peer: Any, _texts: list[str]) -> str:
    def share(mine: str, theirs: str) -> float:
        return equal_share([n > 0 for n in ours[mine]], [n > 0 for n in peer[theirs]])

    brackets, blocked = (
        share("has_curly_bracket", "has_curly_brace"),
        share("blocked_words", "has_naughty_word"),
    )
    return (
        f"curly bracket equal {brackets:.2%}, blocked word {blocked:.1%}"
        " (ours finds it beside punctuation, too)"
    )


def _pii(_: Given) -> Comparison:
    return Comparison(
        "pii",
        "e-mail, phone and IP address as spans",
        10,
        _ours("Tag", taggers={"pii": {}}),
        (Peer(_dolma("pii_regex_with_counts_fast_v2"), _same_pii),),
    )


def _same_pii(ours: Any, peer: Any, _texts: list[str]) -> str:
    share = equal_share([n > 0 for n in ours["count"]], [n > 0 for n in peer["doc_count"]])
    return f"whether there is any: equal {share:.1%} (other patterns)"


COMPARISONS: dict[str, Callable[[Given], Comparison]] = {
    "language": _language,
    "sentences": _sentences,
    "minhash": _minhash,
    "minhash-hashes": _minhash_hashes,
    "tokenize": _tokenize,
    "tokenize-all-cores": _tokenize_all,
    "exact": _exact,
    "gopher": _gopher,
    "c4": _c4,
    "pii": _pii,
}
