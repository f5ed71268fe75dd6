"""Two recipes curated, the same models trained on both, measured on the same text."""

from collections.abc import Iterator
from pathlib import Path

from dolma_pipe.ablation.curation import Common, Side, curate, readable
from dolma_pipe.ablation.intervals import difference, verdict
from dolma_pipe.ablation.result import MACRO, MICRO, Ablation, Measured, Row, Trained
from dolma_pipe.ablation.settings import LABELS, AblationSettings
from dolma_pipe.ablation.training import (
    Run,
    check_enough,
    measure,
    parameters_of,
    train,
)
from dolma_pipe.ablation.vocabulary import make_vocabulary
from dolma_pipe.ablation.yardstick import Yardstick, make_yardstick
from dolma_pipe.errors import MissingExtra, RecipeError, TokensError
from dolma_pipe.passes.context import Watch
from dolma_pipe.passes.locks import locked
from dolma_pipe.recipe import Recipe
from dolma_pipe.tokenizer import load_tokenizer
from dolma_pipe.tokens import TOKEN_BYTES, TokenArrays
from dolma_pipe.train.evaluation.perplexity import Fit, Fits
from dolma_pipe.train.plots.write import write_plot
from dolma_pipe.work import write_json

FEW_DOCUMENTS = 20
"""Of a held-out source: below that its figure may hang on one of them."""


def ablate(settings: AblationSettings, watch: Watch) -> Ablation:
    """Curate, train, measure; what an earlier call has done is not done again.

    Writes ablation.json and curves.png to the work folder. Raises UserError, and SystemExit where
    a training was told to stop.
    """
    recipes = [readable(path) for path in settings.recipes]
    given = [_arrays(folder) for folder in settings.held_out]
    with locked(settings.work, "folder of an ablation"):
        common = Common(
            tokenizer=_tokenizer(recipes, given, settings, watch),
            seed=recipes[0].seed,
            share=0.0 if given else settings.share,
        )
        sides = [_curated(at, settings, common, watch) for at in range(len(LABELS))]
        trained = {side.label: _trained_on(side.label, settings) for side in sides}
        for label, arrays in trained.items():
            check_enough(label, arrays, settings)
        yardsticks = _yardsticks(given, trained, settings)
        runs = _runs(trained, settings, watch)
        found = _found(settings, common, sides, yardsticks, runs)
        write_json(settings.work / "ablation.json", found)
        _plot([run.folder for of in runs.values() for run in of], settings.work, watch)
    return found


def _arrays(folder: str) -> TokenArrays:
    """The arrays of --held-out: the folder, or held_out/ or else tokens/ in a work directory."""
    root = Path(folder)
    inside = [root, root / "held_out", root / "tokens"]
    return TokenArrays(next((path for path in inside if (path / TOKEN_BYTES).exists()), root))


def _tokenizer(
    recipes: list[Recipe], given: list[TokenArrays], settings: AblationSettings, watch: Watch
) -> str | None:
    """The tokenizer that both recipes get, or None where both have the same already."""
    if len({arrays.manifest.tokenizer.sha256 for arrays in given}) > 1:
        raise TokensError("--held-out: arrays of several tokenizers; all need the same")
    if settings.scale.vocabulary is None:
        _refuse_two_tokenizers(recipes, given, settings)
        return None
    if not given:
        path = settings.work / "tokenizer.json"
        watch.say(make_vocabulary(recipes, settings.scale.vocabulary, path))
        return str(path)
    file, ids = given[0].tokenizer_file(), given[0].manifest.vocab_size
    if file is None or ids > settings.scale.vocabulary:
        told = "has no tokenizer.json beside it" if file is None else f"has {ids:,} ids"
        raise TokensError(
            f"{given[0].name}: its tokenizer {told}: {settings.preset} needs one of at most"
            f" {settings.scale.vocabulary:,} ids (see docs/ablation.md)"
        )
    return str(file)


def _refuse_two_tokenizers(
    recipes: list[Recipe], given: list[TokenArrays], settings: AblationSettings
) -> None:
    """Models of other vocabularies have other sizes: that would be compared, not the curation."""
    found: dict[str, str] = {}
    for path, recipe in zip(settings.recipes, recipes, strict=True):
        if recipe.tokenize is None:
            raise RecipeError(f"{path}: no tokenize section, which {settings.preset} needs")
        tokenizer = load_tokenizer(recipe.tokenize.tokenizer, recipe.tokenize.eos)
        found.setdefault(tokenizer.sha256, f"{path} ({tokenizer.name})")
    for arrays in given:
        stamp = arrays.manifest.tokenizer
        found.setdefault(stamp.sha256, f"{arrays.name} ({stamp.name})")
    if len(found) > 1:
        told = " and ".join(list(found.values())[:2])
        raise RecipeError(f"two tokenizers: {told}; models of different sizes do not compare")


def _curated(at: int, settings: AblationSettings, common: Common, watch: Watch) -> Side:
    label, path = LABELS[at], settings.recipes[at]
    watch.say(f"{label}: curate {path}")
    return curate(label, path, settings.work / label, common, settings.workers, watch)


def _trained_on(label: str, settings: AblationSettings) -> TokenArrays:
    return TokenArrays(settings.work / label / "tokens")


def _yardsticks(
    given: list[TokenArrays], trained: dict[str, TokenArrays], settings: AblationSettings
) -> list[Yardstick]:
    """Of --held-out one each; else what was held out of each recipe, once where it is the same."""
    most, folder = settings.scale.evaluated, settings.work / "yardsticks"
    if given:
        return [
            make_yardstick(arrays.name, arrays, trained, most, folder / f"given-{number}")
            for number, arrays in enumerate(given, 1)
        ]
    found = []
    for label in trained:
        place = settings.work / label / "held_out"
        if not place.is_dir():
            told = f"no document of {label} is held out at a share of {settings.share:g}"
            raise TokensError(f"{told}: a larger --held-out-share is needed")
        arrays = TokenArrays(place)
        found.append(make_yardstick(f"held out of {label}", arrays, trained, most, folder / label))
    if found[0].content() == found[1].content():
        return [found[0]._replace(name="held out of A and B alike")]
    return found


def _runs(
    trained: dict[str, TokenArrays], settings: AblationSettings, watch: Watch
) -> dict[str, list[Run]]:
    """Of each recipe one a seed; seed after seed, so that an early stop leaves whole pairs."""
    found: dict[str, list[Run]] = {label: [] for label in trained}
    for seed in range(1, settings.seeds + 1):
        for label, arrays in trained.items():
            watch.say(f"{label}: {settings.preset}, seed {seed} of {settings.seeds}")
            found[label].append(train(label, arrays, seed, settings))
    return found


def _found(
    settings: AblationSettings,
    common: Common,
    sides: list[Side],
    yardsticks: list[Yardstick],
    runs: dict[str, list[Run]],
) -> Ablation:
    measured = [_measured(yardstick, runs, settings) for yardstick in yardsticks]
    manifest = _trained_on(LABELS[0], settings).manifest
    trained = {side.label: _trained(side, runs[side.label]) for side in sides}
    return Ablation(
        preset=settings.preset,
        parameters=parameters_of(settings, manifest.vocab_size),
        tokenizer=manifest.tokenizer.name,
        tokens=settings.tokens,
        seeds=list(range(1, settings.seeds + 1)),
        recipes={side.label: side for side in sides},
        trained=trained,
        yardsticks=measured,
        notes=[*_notes(settings, common, trained), *_few_documents(measured)],
        verdict=verdict({of.name: of.row(MACRO).difference for of in measured}),
    )


def _trained(side: Side, runs: list[Run]) -> Trained:
    first = runs[0]
    return Trained(
        steps=first.steps,
        tokens=first.tokens,
        epochs=first.tokens / side.tokens,
        runs=[str(run.folder) for run in runs],
    )


def _notes(settings: AblationSettings, common: Common, trained: dict[str, Trained]) -> list[str]:
    notes = []
    if (seed := readable(settings.recipes[1]).seed) != common.seed:
        notes.append(f"B was curated with the seed of A, {common.seed}, and not {seed}")
    for label, of in trained.items():
        if of.epochs > 1:
            notes.append(f"{label} gives fewer tokens than are trained on: {of.epochs:.1f} epochs")
    steps = {of.steps for of in trained.values()}
    if len(steps) > 1:
        notes.append("steps differ: the last batch of an epoch is what is left of it")
    return notes


def _few_documents(measured: list[Measured]) -> Iterator[str]:
    for of in measured:
        if few := [row.name for row in of.rows[:-2] if row.documents < FEW_DOCUMENTS]:
            told = f"fewer than {FEW_DOCUMENTS} documents of {', '.join(few)}"
            yield f"{of.name}: {told}: which ones they are is chance that no interval covers"


def _measured(
    yardstick: Yardstick, runs: dict[str, list[Run]], settings: AblationSettings
) -> Measured:
    fits = measure([run for label in LABELS for run in runs[label]], yardstick.folder, settings)
    a, b = fits[: settings.seeds], fits[settings.seeds :]
    rows = [
        _row(name, [of.sources[name] for of in a], [of.sources[name] for of in b])
        for name in a[0].sources
    ]
    rows += [_row(name, _average(name, a), _average(name, b)) for name in (MACRO, MICRO)]
    return Measured(
        name=yardstick.name, folder=str(yardstick.folder), documents=yardstick.fate, rows=rows
    )


def _average(name: str, fits: list[Fits]) -> list[Fit]:
    return [of.macro if name == MACRO else of.micro for of in fits]


def _row(name: str, a: list[Fit], b: list[Fit]) -> Row:
    left, right = ([fit.bits_per_byte for fit in fits] for fits in (a, b))
    return Row(
        name=name,
        documents=a[0].documents,
        bytes=a[0].bytes,
        A=left,
        B=right,
        difference=difference(left, right),
    )


def _plot(runs: list[Path], work: Path, watch: Watch) -> None:
    try:
        watch.say(write_plot(runs, work / "curves.png", "tokens").told())
    except MissingExtra as error:
        watch.say(f"no picture of the training: {error}")
