"""From the settings to instances: what does not fit is refused in one line."""

from pathlib import Path

import numpy as np

from dolma_pipe.errors import TrainError
from dolma_pipe.settings import nearest
from dolma_pipe.tokens import MANIFEST, PackedTokens, TokenArrays
from dolma_pipe.tokens.packing_plan import plan_names
from dolma_pipe.train.config import DataSettings
from dolma_pipe.train.data.corpus import Corpus, check
from dolma_pipe.train.data.encoded import is_encoded, open_encoded
from dolma_pipe.train.data.folders import open_folders
from dolma_pipe.train.data.instances import Instances
from dolma_pipe.train.data.raw import open_raw
from dolma_pipe.train.data.views import Plans, View, Weighted, Windows, shares, targets


def open_instances(settings: DataSettings) -> Instances:
    """Map the arrays and make the view; settings.check reads all of them once.

    Raises TrainError where the settings do not fit the arrays, TokensError where an array is not
    what its manifest says: it is named.
    """
    corpus = _corpus(settings)
    if not corpus.tokens:
        raise TrainError(f"data.tokens: no tokens in {corpus.name}")
    if settings.weights is not None:
        instances = _weighted(corpus, settings, settings.weights)
    elif settings.view == "packed":
        instances = _packed(corpus, settings)
    elif settings.view == "padded":
        instances = _padded(corpus, settings)
    else:
        _enough(corpus.name, corpus.tokens, settings.length)
        view = Windows(np.array([0, corpus.tokens]), settings.length)
        instances = _instances(corpus, view, settings, corpus.by_source(), [])
    if settings.check:
        check(corpus)
    return instances


def _corpus(settings: DataSettings) -> Corpus:
    given = [settings.tokens] if isinstance(settings.tokens, str) else settings.tokens
    if not all(given) or not given:
        raise TrainError("data.tokens: a folder of token arrays is needed")
    for entry in given:
        if "://" in entry:
            raise TrainError(f"data.tokens: {entry}: a training reads arrays of this machine")
        if given.count(entry) > 1:
            raise TrainError(f"data.tokens: {entry} is given twice (epochs: 2 reads all twice)")
    kinds = {entry: _kind(Path(entry)) for entry in given}
    if len(set(kinds.values())) > 1:
        told = ", ".join(f"{entry} ({kind})" for entry, kind in kinds.items())
        raise TrainError(f"data.tokens: one kind of arrays in a training: {told}")
    kind = kinds[given[0]]
    if settings.weights is not None and kind != "encoded":
        raise TrainError(
            f"data.weights: {given[0]} is mixed already: shares and upsample belong into the mix of"
            " its recipe (weights are for encoded/ of a work directory)"
        )
    if kind == "tokens":
        for field in ("dtype", "eos_id", "vocab_size"):
            if getattr(settings, field) is not None:
                raise TrainError(f"data.{field}: the manifest of {given[0]} tells it: leave it out")
        return open_folders([_folder(Path(entry)) for entry in given])
    if kind == "encoded":
        if len(given) > 1:
            raise TrainError("data.tokens: encoded/ of one work directory at a time")
        return open_encoded(Path(given[0]), settings)
    return open_raw([path for entry in given for path in _files(entry)], settings)


def _kind(path: Path) -> str:
    if (path / "tokens" / MANIFEST).is_file():
        return "tokens"
    if (path / "encoded").is_dir():  # beside a manifest.json that is not one of arrays
        told = f"run its recipe to the end, or read {path / 'encoded'}"
        raise TrainError(f"data.tokens: {path} has no tokens/ yet: {told}")
    if (path / MANIFEST).is_file():
        return "tokens"
    return "encoded" if is_encoded(path) else "raw"


def _folder(path: Path) -> Path:
    return path / "tokens" if (path / "tokens" / MANIFEST).is_file() else path


def _files(entry: str) -> list[Path]:
    """Sorted files of a glob, or the path itself."""
    if Path(entry).exists():
        return [Path(entry)]
    anchor = Path(entry).anchor
    found = sorted(Path(anchor).glob(entry.removeprefix(anchor)))
    if not found:
        raise TrainError(f"data.tokens: {entry} is not there")
    return found


def _enough(name: str, tokens: int, length: int) -> None:
    if tokens < length + 1:
        need = f"need S+1 = {length + 1}, have {tokens}"
        raise TrainError(f"{name}: too few tokens for data.length: {need}")


def _padded(corpus: Corpus, settings: DataSettings) -> Instances:
    borders = corpus.borders(check=settings.check)
    view = Windows(borders, settings.length)
    if not len(view):
        raise TrainError(f"{corpus.name}: no document of two tokens, which has a target")
    sources, notes, single = corpus.by_source(), [], borders[:-1][np.diff(borders) == 1]
    if len(single):
        firsts = np.cumsum([0, *(len(part.ids) for part in corpus.parts)])
        parts = np.searchsorted(firsts, single, "right") - 1
        for part in parts.tolist():
            sources[corpus.parts[part].source] -= 1
        notes.append(f"{len(single):,} documents of one token have no target: left out")
    return _instances(corpus, view, settings, sources, notes)


def _packed(corpus: Corpus, settings: DataSettings) -> Instances:
    if not corpus.arrays:
        told = "`dolma-pipe tokens import` and `tokens pack` make one"
        raise TrainError(f"data.view: packed needs a plan, {corpus.name} has none: {told}")
    plans = [_plan(arrays, settings) for arrays in corpus.arrays]
    sources, notes = dict.fromkeys(corpus.by_source(), 0), []
    for packed in plans:
        for name, tokens in _planned(packed).items():
            if tokens:  # a manifest may have a source without a token
                sources[name] += tokens
        if left := packed.plan.counts.truncated_tokens:
            notes.append(f"{packed.folder}: {left:,} tokens of long documents are not in the plan")
    return _instances(corpus, Plans(plans), settings, sources, notes)


def _plan(arrays: TokenArrays, settings: DataSettings) -> PackedTokens:
    name, length = settings.plan or "", settings.length
    command = f"dolma-pipe tokens pack {arrays.folder} --length {length}"
    known = plan_names(arrays.folder)
    if name not in known:
        there = f"it has {', '.join(known)}" if known else "it has none"
        raise TrainError(
            f"data.plan: no plan '{name}' in {arrays.name} ({there}); {command} --name {name}"
        )
    packed = PackedTokens(arrays, name, check=settings.check)
    if packed.plan.length != length:
        raise TrainError(
            f"data.plan: {name} has {packed.plan.length:,} targets an instance, data.length is "
            f"{length:,}: set data.length, or {command}"
        )
    return packed


def _planned(packed: PackedTokens) -> dict[str, int]:
    """Tokens of each source that are in a plan."""
    plan = packed.plan
    chosen = packed.arrays.sources(plan.source)
    if not plan.counts.truncated_tokens:
        return {source.name: source.tokens for source in chosen}
    ends = np.cumsum([source.tokens for source in packed.arrays.manifest.sources])
    found = np.searchsorted(ends, packed.starts, "right")
    counts = np.bincount(found, packed.tokens, len(ends)).astype(np.int64).tolist()
    names = [source.name for source in packed.arrays.manifest.sources]
    return dict(zip(names, counts, strict=True))


def _weighted(corpus: Corpus, settings: DataSettings, weights: dict[str, float]) -> Instances:
    if settings.view != "concatenate":
        raise TrainError("data.weights: with view: concatenate only")
    tokens = corpus.by_source()
    for name in weights:
        if name not in tokens:
            raise TrainError(f"data.weights: no source '{name}'{nearest(name, list(tokens))}")
        _enough(f"{corpus.name}, source {name}", tokens[name], settings.length)
    windows = Windows(np.cumsum([0, *tokens.values()]), settings.length)
    spans = {name: span for span, name in enumerate(tokens)}
    available = dict(zip(tokens, np.diff(windows.firsts).tolist(), strict=True))
    counts = shares(available, weights)
    chosen = {name: (spans[name], counts[name]) for name in weights if counts[name]}
    view = Weighted(windows, chosen, settings.seed)
    sources, first = {}, 0
    notes = ["weights are for quick experiments: a mix of the recipe reads every token as planned"]
    for name, count in counts.items():
        sources[name] = targets(view, np.arange(first, first + count)) if count else 0
        first += count
        there = available[name]
        told = f"{count / there:.2f} times, repeated" if count > there else "a part of them"
        notes.append(f"{name}: {count:,} instances an epoch out of {there:,} ({told})")
    left = sorted(set(tokens) - set(weights))
    notes += [f"{', '.join(left)}: without a weight, not read"] if left else []
    return _instances(corpus, view, settings, sources, notes)


def _instances(
    corpus: Corpus, view: View, settings: DataSettings, sources: dict[str, int], notes: list[str]
) -> Instances:
    identity: list[object] = [settings.view]
    if isinstance(view, Plans):
        identity += view.identity
    if settings.weights is not None:
        identity += [sorted(settings.weights.items()), settings.seed]
    return Instances(
        corpus,
        view,
        length=settings.length,
        mask_documents=settings.mask_documents,
        sources=sources,
        identity=identity,
        notes=[*corpus.notes, *notes],
    )
