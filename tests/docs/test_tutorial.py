"""docs/tutorial.md is done as it says, from raw text to a trained model, in the small."""

import re
import runpy
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, Block, blocks
from tests.docs.scratch import inline, run

SMALLER = {
    "--megabytes 12": "--megabytes 2",
    "held_out: 0.05": "held_out: 0.2",
    "length: 256": "length: 64",
    "steps: 300": "steps: 6",
    "warmup: 30": "warmup: 2",
    "every: 100": "every: 3",
}
"""What is less here than on the page."""

NOT_RUN = ("pip install", "dolma-pipe ablate")


def smaller(text: str) -> str:
    for ours, less in SMALLER.items():
        text = text.replace(ours, less)
    return text


def saved(block: Block) -> None:
    """A block with a file's name makes the file, adds to it, or edits it."""
    name, _, added = block.title.partition(", ")
    path, text = Path(name), smaller(block.text)
    if block.language == "diff":
        took, gave = ([x[1:] for x in block.lines if x[0] == sign] for sign in "-+")
        before = path.read_text()
        text = before.replace("\n".join(took), "\n".join(gave))
        assert text != before, f"line {block.line}: {name} has not what is taken away"
    path.write_text((path.read_text() if added else "") + text)


def done(line: str) -> None:
    """A command of the page."""
    words = shlex.split(smaller(line), comments=True)
    if words[0] == "python":
        runpy.run_path(words[1], run_name="__main__")
    elif words[:2] == ["cp", "-r"]:
        shutil.copytree(*words[2:])
    elif words[0] == "sed":
        subprocess.run(line, shell=True, check=True)
        assert Path("before.yaml").read_text() != Path("mix.yaml").read_text()
    elif not line.startswith(NOT_RUN):
        assert words[0] == "dolma-pipe", line
        assert run(*words[1:]) == 0, line


def compare(block: Block, told: str) -> None:
    """A line without a number came as it is shown; of one with numbers its first word came."""
    lines, words = [" ".join(line.split()) for line in told.splitlines()], set(told.split())
    for line in block.lines:
        asked = " ".join(line.split())
        if re.search(r"\d", asked):
            assert {asked.split()[0]} & words or asked[0].isdigit(), f"{block.line}: {line}\n{told}"
        elif asked and asked != "...":
            assert asked in lines, f"line {block.line}: {line}\n{told}"


@pytest.mark.asset
@pytest.mark.timeout(900)  # half a minute of CPU, on a busy machine
def test_from_raw_text_to_a_trained_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    inline(monkeypatch)
    page = blocks(DOCS / "tutorial.md")
    assert all(less in smaller("".join(block.text for block in page)) for less in SMALLER.values())
    told, compared = "", 0
    for block in page:
        if block.title:
            saved(block)
        elif block.language == "bash":
            for line in block.lines:
                done(line)
            told = "".join(capsys.readouterr())
        elif block.language == "text":
            compare(block, told)
            compared += 1
    assert compared > 8
    assert (tmp_path / "runs/first/step6/model.safetensors").exists()
