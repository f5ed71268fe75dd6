"""The house: a module imports its own floor or below, no cycles, torch only where it belongs."""

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dolma_pipe"

FLOORS = {
    "errors": 0,
    "kernels": 0,
    "batch": 1,
    "shard": 1,
    "manifest": 1,
    "programming_languages": 1,
    "tokens": 1,
    "tagger": 1,
    "mixer": 1,
    "share_mixer": 1,
    "curve_mixer": 1,
    "mix_settings": 1,
    "assets": 1,
    "atomic": 1,
    "attributes": 1,
    "codepoints": 1,
    "columns": 1,
    "conversations": 1,
    "curated": 1,
    "cuts": 1,
    "dedup_index": 1,
    "document": 1,
    "dolma": 1,
    "embeddings": 1,
    "entries": 1,
    "evaluations": 1,
    "fasttext": 1,
    "fasttext_file": 1,
    "fasttext_levels": 1,
    "fetched_arrays": 1,
    "formats": 1,
    "lists": 1,
    "remote": 1,
    "remote_copy": 1,
    "settings": 1,
    "store": 1,
    "stored": 1,
    "stream": 1,
    "syntax": 1,
    "tokenizer": 1,
    "urls": 1,
    "work": 1,
    "extends": 2,
    "folders": 2,
    "inputs": 2,
    "mixing": 2,
    "objects": 2,
    "recipe": 2,
    "recipe_checks": 2,
    "recipe_file": 2,
    "recipe_lines": 2,
    "recipe_sections": 2,
    "shelf": 2,
    "engine": 2,
    "train": 2,
    "sample": 2,
    "longtasks": 3,
    "stages": 3,
    "wordings": 3,
    "ablation": 4,
    "browse": 4,
    "first_recipe": 4,
    "learn": 4,
    "mixture": 4,
    "run": 4,
    "passes": 4,
    "report": 4,
    "search": 4,
    "statistics": 4,
    "cli": 5,
    "__main__": 5,
}
EMBEDS_WITH_TORCH = "embeddings.bert"
THE_TRAINER_IMPORTS = {"train", "tokens", "settings", "work", "errors"}
"""Which need numpy, msgspec and a YAML reader: what a machine that only trains has."""
SHELVES = {
    "taggers": {
        "fasttext_levels",
        "tagger",
        "batch",
        "assets",
        "kernels",
        "fasttext",
        "lists",
        "tokenizer",
        "urls",
        "programming_languages",
        "syntax",
        "errors",
    },
    "mixers": {"mixer", "share_mixer", "curve_mixer", "errors"},
}


def modules() -> dict[str, Path]:
    """Every module of the package by dotted name below dolma_pipe."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE).with_suffix("")
        name = ".".join(part for part in place.parts if part != "__init__")
        if name:
            found[name] = path
    return found


def imported(path: Path, known: set[str]) -> set[str]:
    """Modules of the package that a file imports anywhere in it, hidden imports included."""
    return modules_in(ast.walk(ast.parse(path.read_text(encoding="utf-8"))), path, known)


def imported_at_once(path: Path, known: set[str]) -> set[str]:
    """Those that importing the file imports."""
    return modules_in(ast.parse(path.read_text(encoding="utf-8")).body, path, known)


def modules_in(nodes: Iterable[ast.AST], path: Path, known: set[str]) -> set[str]:
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}".removeprefix("dolma_pipe.")
                found.add(f"dolma_pipe.{full}" if full in known else str(node.module))
    return {name.removeprefix("dolma_pipe.") for name in found if name.startswith("dolma_pipe.")}


MODULES = modules()


def room(module: str) -> str:
    return module.split(".")[0]


def test_the_table_names_every_room_and_no_other() -> None:
    assert {room(name) for name in MODULES} == set(FLOORS)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_import_climbs(module: str) -> None:
    for target in imported(MODULES[module], set(MODULES)):
        assert FLOORS[room(target)] <= FLOORS[room(module)], f"{module} imports {target} above it"


@pytest.mark.parametrize("shelf", sorted(SHELVES))
def test_shelves_import_nouns_only(shelf: str) -> None:
    for path in (ROOT / shelf).glob("*.py"):
        rooms = {room(target) for target in imported(path, set(MODULES))}
        assert rooms <= SHELVES[shelf], f"{path.name} imports {rooms - SHELVES[shelf]}"


def test_the_trainer_is_an_annex() -> None:
    for module, path in MODULES.items():
        if room(module) == "train":
            rooms = {room(target) for target in imported(path, set(MODULES))}
            assert rooms <= THE_TRAINER_IMPORTS, f"{module} imports {rooms - THE_TRAINER_IMPORTS}"


def test_nobody_imports_a_tagger_or_a_mixer() -> None:
    for module, path in MODULES.items():
        rooms = {room(target) for target in imported(path, set(MODULES))}
        assert not rooms & set(SHELVES), f"{module} imports from a shelf"


def test_there_is_no_cycle() -> None:
    edges = {name: imported(path, set(MODULES)) & set(MODULES) for name, path in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"cycle: {' -> '.join([*path, name])}"
        if name not in done:
            for target in sorted(edges[name] - {name}):
                visit(target, (*path, name))
            done.add(name)

    for name in sorted(edges):
        visit(name, ())


def imports_torch(nodes: Iterable[ast.AST]) -> bool:
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    return any(name.split(".")[0] == "torch" for name in names)


def test_torch_stays_in_train_and_in_the_module_that_embeds_with_it() -> None:
    for name, path in MODULES.items():
        if room(name) != "train" and name != EMBEDS_WITH_TORCH:
            assert not imports_torch(list(ast.walk(ast.parse(path.read_text("utf-8"))))), name


def test_who_does_not_embed_never_loads_torch() -> None:
    """Only functions import the module that embeds with it, and only those of its own room."""
    for name, path in MODULES.items():
        known = set(MODULES)
        if EMBEDS_WITH_TORCH in imported(path, known):
            assert room(name) == room(EMBEDS_WITH_TORCH), name
            assert EMBEDS_WITH_TORCH not in imported_at_once(path, known), name
