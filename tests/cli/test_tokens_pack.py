"""`dolma-pipe tokens pack`: the table adds up, and what it cannot do is one line."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from dolma_pipe.cli.tokens import command
from dolma_pipe.errors import UserError
from tests.made_tokens import make_tokens


def rows(output: str) -> dict[str, int]:
    lines = [line.rstrip("%0123456789.").rstrip() or line for line in output.splitlines()[1:]]
    return {
        line[:20].strip(): int(full[20:37].replace(",", ""))
        for line, full in zip(lines, output.splitlines()[1:], strict=True)
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A work directory around tokens/."""
    make_tokens(tmp_path / "tokens", {"web": [[3, 40, 1, 7]], "code": [[33], [18, 2]]})
    return tmp_path


@pytest.mark.parametrize("inside", ["", "tokens"])
def test_pack_tells_what_it_costs(root: Path, inside: str) -> None:
    arguments = ["pack", str(root / inside), "--length", "16"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0
    found = rows(result.output)
    assert (found["documents"], found["tokens"], found["split documents"]) == (7, 104, 3)
    assert found["instances"] * 17 == 104 + found["padding"]
    assert (root / "tokens/packed/best-fit-16/plan.json").is_file()
    assert CliRunner().invoke(command, ["verify", str(root)]).exit_code == 0


def test_truncated_and_concatenated(root: Path) -> None:
    more = ["--method", "padded", "--long", "truncate", "--source", "code", "--name", "mine"]
    truncated = rows(
        CliRunner().invoke(command, ["pack", str(root), "--length", "16", *more]).output
    )
    assert (truncated["truncated documents"], truncated["truncated tokens"]) == (2, 17)
    assert truncated["instances"] * 17 == 53 - 17 + truncated["padding"]
    assert (root / "tokens/packed/mine/plan.json").is_file()
    more = ["--method", "concatenate", "--seed", "5"]
    stream = rows(CliRunner().invoke(command, ["pack", str(root), "--length", "16", *more]).output)
    assert stream["instances"] * 17 == 104 + stream["tokens read twice"] + stream["padding"]


def test_verify_finds_a_damaged_plan(root: Path) -> None:
    CliRunner().invoke(command, ["pack", str(root), "--length", "16"])
    (root / "tokens/packed/best-fit-16/instances.u64").unlink()
    result = CliRunner().invoke(command, ["verify", str(root)])
    assert result.exit_code == 1
    assert "packed/best-fit-16: " in result.output


@pytest.mark.parametrize(
    "more",
    [
        ["--length", "0"],
        ["--length", "16", "--source", "papers"],
        ["--length", "16", "--name", "../x"],
        ["--length", "16", "--method", "concatenate", "--long", "truncate"],
    ],
)
def test_bad_input_is_the_users_error(root: Path, more: list[str]) -> None:
    result = CliRunner().invoke(command, ["pack", str(root), *more])
    assert isinstance(result.exception, UserError)
    assert len(str(result.exception).splitlines()) == 1
    assert not (root / "tokens/packed").exists()


def test_no_arrays(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["pack", str(tmp_path), "--length", "16"])
    assert isinstance(result.exception, UserError)
