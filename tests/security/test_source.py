"""No line of ours runs code that data brings, hands text to a shell, or unpacks an archive."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

PICKLES = {"pickle", "_pickle", "marshal", "shelve", "dbm", "dill", "cloudpickle", "joblib", "yaml"}
"""yaml: PyYAML, whose load() makes objects; recipes are read by ruamel.yaml."""
CODE = {"eval", "exec", "compile", "__import__", "breakpoint"}
LOOKED_UP = {"import_module", "run_path", "run_module", "literal_eval"}
SHELLS = {"system", "popen", "getoutput", "getstatusoutput", "execv", "execvp", "startfile"}
UNPACKING = {"extract", "extractall", "unpack_archive", "read_pickle", "unsafe_load", "full_load"}
MUST = {
    "np.load": {"allow_pickle": False},
    "torch.load": {"weights_only": True},
    "YAML": {"typ": "safe", "pure": True},
    "AutoModelForCausalLM.from_pretrained": {
        "local_files_only": True,
        "trust_remote_code": False,
        "use_safetensors": True,
    },
}
"""Call -> what it has to say."""

ALLOWED = {
    "dolma_pipe/assets.py": {"subprocess"},  # pip, told what by our own table of assets
    "dolma_pipe/train/meta.py": {"subprocess"},  # git, without a shell, for the commit of a run
    "dolma_pipe/shelf.py": {"exec", "compile", "import_module"},  # taggers that a recipe names
    "dolma_pipe/engine/calling.py": {"import_module"},  # our own tasks, by the names that we give
    "dolma_pipe/formats/html.py": {"extract"},  # of trafilatura: text out of a page
    "dolma_pipe/stages/mapped.py": {"ctypes"},  # madvise on pages of our own
    "dolma_pipe/mixture/recipes.py": {"YAML"},  # writes
    "dolma_pipe/report/page/recipe_text.py": {"YAML"},  # writes
    "dolma_pipe/report/shelves_data.py": {"literal_eval"},  # of our own taggers' source
    "dolma_pipe/train/state_reader.py": {"pickle"},  # a list of classes, tested below
    "dolma_pipe/cli/dedup.py": {"unguarded"},  # colours, around words that are escaped
    "dolma_pipe/cli/search.py": {"unguarded"},  # as above
    "dolma_pipe/cli/tokens_read.py": {"unguarded"},  # text that goes into a file as it is
}
"""File -> what it may do, and why."""


def found(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """What could run code, and in which line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            modules = names if isinstance(node, ast.Import) else [node.module or ""]
            for module in modules:
                first = module.partition(".")[0]
                if first in PICKLES | {"subprocess", "runpy", "pty", "code", "ctypes"}:
                    yield first, node.lineno
        elif isinstance(node, ast.Call):
            yield from ((what, node.lineno) for what in called(node))
        elif isinstance(node, ast.Attribute) and node.attr in ("__stdout__", "__stderr__"):
            yield node.attr, node.lineno


def called(node: ast.Call) -> Iterator[str]:
    name = ast.unparse(node.func)
    last = name.rpartition(".")[2]
    if name in CODE or last in LOOKED_UP | UNPACKING | {"unguarded"}:
        yield last
    if last in SHELLS and name.startswith(("os.", "subprocess.")):
        yield last
    told = {
        keyword.arg: keyword.value.value
        for keyword in node.keywords
        if isinstance(keyword.value, ast.Constant)
    }
    if told.get("shell"):
        yield "shell=True"
    if name in MUST and not MUST[name].items() <= told.items():
        yield name


def files() -> list[Path]:
    folders = (ROOT / "dolma_pipe", ROOT / "taggers", ROOT / "mixers")
    return [path for folder in folders for path in sorted(folder.rglob("*.py"))]


def test_nothing_of_ours_runs_what_data_says() -> None:
    wrong, used = [], set()
    for path in files():
        place = path.relative_to(ROOT).as_posix()
        for what, line in found(ast.parse(path.read_text(encoding="utf-8"))):
            if what in ALLOWED.get(place, ()):
                used.add((place, what))
            else:
                wrong.append(f"{place}:{line}: {what}")
    assert wrong == []
    assert used == {(place, what) for place, allowed in ALLOWED.items() for what in allowed}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "import yaml",
        "import dbm.dumb",
        "eval(text)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=given)",
        "torch.load(path, weights_only=False)",
        "YAML(typ='unsafe')",
        "subprocess.run(text, shell=True)",
        "os.system(text)",
        "zipfile.ZipFile(path).extractall(folder)",
        "AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)",
        "importlib.import_module(name)",
        "print(text, file=sys.__stdout__)",
    ],
)
def test_the_search_finds(line: str) -> None:
    assert list(found(ast.parse(line)))
