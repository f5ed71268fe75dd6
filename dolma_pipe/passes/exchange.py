"""Attributes to and from dolma: which files, in which folders, a task a shard."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dolma_pipe.dolma import experiment_name, file_name, variable_name
from dolma_pipe.engine.base import Task, succeed
from dolma_pipe.errors import InputError, WorkError
from dolma_pipe.inputs import Input
from dolma_pipe.passes.context import Context
from dolma_pipe.passes.curate import curate
from dolma_pipe.passes.export import MARK
from dolma_pipe.recipe import Source
from dolma_pipe.stages.export_attributes import ExportTask, mask_names
from dolma_pipe.stages.import_attributes import BASE, ImportTask
from dolma_pipe.stages.reread import reread
from dolma_pipe.work import address, atomic_write, is_remote, remove_temporaries, write_json

DOCUMENTS_MARK = f"{MARK}-documents"
"""Stands beside documents/, which a mixer takes whole."""

IMPORT_MARK = ".dolma-pipe-import"
"""An empty file in the folder of an import, also of one that was not finished."""

MANIFEST = "manifest.json"
KIND = "dolma-pipe imported attributes"


class Exported(msgspec.Struct):
    """What was written for a source; copied: shards whose documents dolma could not read."""

    folder: Path
    documents: int
    shards: int
    copied: int


def export_attributes(
    context: Context, folder: Path, name: str | None = None, names: Iterable[str] = ()
) -> dict[str, Exported]:
    """Write DIR/<source>/attributes/<name>/, the documents beside them, and a mixer configuration.

    DIR/<source>/documents/ has links to the inputs, unless it is where the inputs lie. Raises
    WorkError where a folder holds files that are not ours.
    """
    experiment = experiment_name(name or variable_name(context.recipe.name))
    sources = context.recipe.chosen(names)
    if is_remote(folder):
        raise WorkError(f"{address(folder)}: links to documents need a folder on this machine")
    curate(context, [source.name for source in sources])
    tasks = [
        _export_task(context, source, shard, folder, experiment)
        for source in sources
        for shard in source.inputs
        if shard.key not in context.failed
    ]
    _claim_folders(tasks)
    function = "dolma_pipe.stages.export_attributes:export_attributes"
    calls = [Task(task.given.shard.key, msgspec.to_builtins(task)) for task in tasks]
    written = succeed(context.map("attributes", function, calls))
    write_json(folder / f"{experiment}.mixer.json", _mixer(sources, folder, experiment))
    return {
        source.name: _exported(folder / source.name / "attributes" / experiment, source, written)
        for source in sources
    }


def _exported(folder: Path, source: Source, written: dict[str, Any]) -> Exported:
    told = [written[shard.key] for shard in source.inputs if shard.key in written]
    documents, copied = (sum(t[name] for t in told) for name in ("documents", "copied"))
    return Exported(folder, documents, len(told), copied)


def _export_task(
    context: Context, source: Source, shard: Input, folder: Path, experiment: str
) -> ExportTask:
    name, linkable = file_name(shard.key, shard.uri)
    linkable = linkable and shard.format == "jsonl"
    documents = folder / source.name / "documents" / name
    in_layout = linkable and documents.parent.resolve() == Path(shard.uri).parent.resolve()
    if in_layout:
        name = Path(shard.uri).name
        documents = documents.with_name(name)
    return ExportTask(
        given=reread(context.recipe, source, shard),
        stored=str(context.work.attributes(shard.key)),
        masks=source.masks,
        experiment=experiment,
        out=str(folder / source.name / "attributes" / experiment / name),
        documents=str(documents),
        own=not in_layout,
        linkable=linkable,
    )


def _claim_folders(tasks: list[ExportTask]) -> None:
    """Mark the folders as ours, and empty them of what an earlier export left and this one does
    not make: a mixer would take it for ours. Raises WorkError where one holds anything else.
    """
    outputs = {Path(task.out) for task in tasks} | {Path(task.documents) for task in tasks}
    attributes = {Path(task.out).parent for task in tasks}
    documents = {Path(task.documents).parent for task in tasks if task.own}
    marks = {place: place / MARK for place in attributes}
    marks |= {place: place.parent / DOCUMENTS_MARK for place in documents}
    for place, mark in sorted(marks.items()):
        foreign = [] if mark.exists() else _inside(place)
        if foreign:
            raise WorkError(
                f"{foreign[0]} was not exported by this command: choose another --name or directory"
            )
    for place, mark in sorted(marks.items()):
        with atomic_write(mark):
            pass
        for path in _inside(place):
            if path not in (*outputs, mark) and (path.is_symlink() or path.is_file()):
                path.unlink()


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise WorkError(f"cannot use {folder}: {error.strerror}") from error


def _mixer(sources: Sequence[Source], folder: Path, experiment: str) -> dict[str, Any]:
    """A configuration of dolma's mixer that drops and masks what we do: `dolma -c FILE mix`."""
    streams = []
    for source in sources:
        names = mask_names(experiment, source.masks)
        stream: dict[str, Any] = {
            "name": source.name,
            "documents": [str(folder.resolve() / source.name / "documents" / "*")],
            "attributes": [experiment],
            "output": {
                "path": str(folder.resolve() / source.name / "mixed"),
                "max_size_in_bytes": 1 << 30,
                "discard_fields": ["attributes"],
            },
            "filter": {
                "include": [],
                "exclude": [f".attributes.{experiment}__dropped != null"],
                "syntax": "jq",
            },
            "span_replacement": [
                {
                    "span": f"$.attributes.{names[mask.column]}",
                    "min_score": 0.5,
                    "replacement": mask.replacement,
                }
                for mask in source.masks
            ],
        }
        streams.append(stream)
    return {"processes": 1, "streams": streams}


class Imported(msgspec.Struct):
    """Counts of a source. missing: documents without a line; unknown: lines without a document;
    joined: spans that shared text with another.
    """

    documents: int
    missing: int
    unknown: int
    joined: int


def import_attributes(
    context: Context, given: Path, out: Path, name: str | None = None, names: Iterable[str] = ()
) -> dict[str, Imported]:
    """Read dolma's attributes of some sources into OUT/<source>/*.parquet and OUT/manifest.json.

    given: a folder with <source>/attributes/<name>/, or, of a single source, the files themselves.
    Raises InputError where there is no file for a shard, or one that is not of its documents.
    """
    sources = context.recipe.chosen(names)
    if is_remote(out):
        raise WorkError(f"{address(out)}: an import needs a folder on this machine")
    marks = [out / IMPORT_MARK, out / MANIFEST]
    if _inside(out) and not any(mark.exists() for mark in marks):
        raise WorkError(f"{out} is not empty and no import of ours: choose another directory")
    files: dict[str, Path] = {}
    experiments: dict[str, str] = {}
    for source in sources:
        folder = _attribute_folder(given, source, name, single=len(sources) == 1)
        for shard in source.inputs:
            files[shard.key] = _attribute_file(folder, shard)
            experiments[shard.key] = variable_name(name or folder.name)
    scans = [Task(key, {"file": str(path)}) for key, path in files.items()]
    module = "dolma_pipe.stages.import_attributes"
    scanned = succeed(context.map("scan", f"{module}:scan_attributes", scans))
    named = {key: _named(found, experiments[key], files[key]) for key, found in scanned.items()}
    columns = sorted({column for names in named.values() for column in names})
    tasks = [
        ImportTask(
            given=reread(context.recipe, source, shard),
            file=str(files[shard.key]),
            attributes={column: named[shard.key].get(column, column) for column in columns},
            out=str(out / f"{shard.key}.parquet"),
        )
        for source in sources
        for shard in source.inputs
    ]
    remove_temporaries(out)
    with atomic_write(out / IMPORT_MARK):
        pass
    (out / MANIFEST).unlink(missing_ok=True)
    calls = [Task(task.given.shard.key, msgspec.to_builtins(task)) for task in tasks]
    made = succeed(context.map("import", f"{module}:import_attributes", calls))
    _write_manifest(out, columns, made)
    return {source.name: _imported(source, made) for source in sources}


def _named(attributes: list[str], experiment: str, file: Path) -> dict[str, str]:
    """Our column -> dolma's attribute; the experiment is left out, a recipe names the import."""
    named: dict[str, str] = {}
    for attribute in attributes:
        column = attribute.removeprefix(f"{experiment}__")
        if column in named or not column or column in BASE or column.endswith((".spans", ".count")):
            raise InputError(f"{file}: the attribute '{attribute}' cannot be a column '{column}'")
        named[column] = attribute
    return named


def _write_manifest(out: Path, columns: list[str], made: dict[str, Any]) -> None:
    partial = {column for counts in made.values() for column in counts["partial"]}
    counted = ("sha256", "documents", "missing", "unknown", "joined")
    manifest = {
        "kind": KIND,
        "attributes": {column: column in partial for column in columns},
        "shards": {key: {n: counts[n] for n in counted} for key, counts in made.items()},
    }
    write_json(out / MANIFEST, manifest)


def _imported(source: Source, made: dict[str, Any]) -> Imported:
    counts = [made[shard.key] for shard in source.inputs]
    return Imported(*(sum(count[name] for count in counts) for name in Imported.__struct_fields__))


def _attribute_folder(given: Path, source: Source, name: str | None, single: bool) -> Path:
    root = given / source.name / "attributes"
    if root.is_dir():
        there = sorted(path.name for path in root.iterdir() if path.is_dir())
        if name is None and len(there) == 1:
            return root / there[0]
        if name in there:
            return root / str(name)
        told = f"no '{name}'" if name else "several experiments, choose with --name"
        raise InputError(f"{root} has {told} (there are: {', '.join(there) or 'none'})")
    if single and given.is_dir():
        return given
    hint = "" if single else f", and {given} itself is looked at for a single --source only"
    raise InputError(f"there is no folder {root}{hint}")


def _attribute_file(folder: Path, shard: Input) -> Path:
    """Called as the documents are, below attributes/<experiment>/ as they lie below documents/."""
    _, _, below = shard.uri.rpartition("/documents/")
    for name in (below, Path(shard.uri).name, file_name(shard.key, shard.uri)[0]):
        if name and (folder / name).is_file():
            return folder / name
    raise InputError(f"{folder} has no {Path(shard.uri).name} for shard {shard.key}")
