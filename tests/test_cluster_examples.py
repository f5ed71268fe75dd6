"""The files of examples/cluster are what their readers accept: Ray's schema, the shell, our own
options and variables."""

import json
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dolma_pipe.cli.main import cli
from dolma_pipe.engine import array, stopping
from dolma_pipe.engine.choice import ENGINES
from dolma_pipe.work import spool

EXAMPLES = Path(__file__).parent.parent / "examples" / "cluster"
OURS = {
    stopping.GRACE,
    spool.VARIABLE,
    spool.ROOM,
    *(name for names in array.RANKS for name in names),
}


def read(name: str) -> Any:
    return YAML(typ="safe").load(EXAMPLES / name)


def commands() -> list[tuple[str, list[str]]]:
    """Every call of dolma-pipe, words of a YAML list and lines of a shell alike."""
    found = []
    for path in sorted(EXAMPLES.iterdir()):
        text = path.read_text().replace("\\\n", " ").replace("command: [dolma-pipe,", "dolma-pipe")
        for call in re.findall(r"dolma-pipe run,? (.*)", text):
            words = re.split(r"[\s,]+", call.partition("&&")[0].partition("||")[0].strip("] "))
            found.append((path.name, [word.strip('"') for word in words]))
    return found


def test_the_cluster_of_ray_is_what_its_schema_asks_for() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="comes with Ray")
    spec = find_spec("ray")
    if spec is None or spec.origin is None:
        pytest.skip("Ray is not installed")
    schema = json.loads((Path(spec.origin).parent / "autoscaler" / "ray-schema.json").read_text())
    cluster = read("ray-aws.yaml")
    jsonschema.validate(cluster, schema)
    assert cluster["head_node_type"] in cluster["available_node_types"]
    assert cluster["available_node_types"]["head"]["resources"] == {"CPU": 0}


def test_every_call_is_one_that_the_command_line_takes() -> None:
    calls = commands()
    assert {name for name, _ in calls} == {path.name for path in EXAMPLES.iterdir()}
    options = {option for parameter in cli.commands["run"].params for option in parameter.opts}
    for name, words in calls:
        assert {word for word in words if word.startswith("--")} <= options, name
        assert words[words.index("--engine") + 1] in ENGINES, name


def test_only_variables_that_something_reads() -> None:
    for path in EXAMPLES.iterdir():
        named = set(re.findall(r"\bDOLMA_PIPE_[A-Z_]+", path.read_text()))
        assert named <= OURS, path.name


def test_the_indexed_job_has_as_many_ranks_as_pods() -> None:
    spec = read("indexed-job.yaml")["spec"]
    [container] = spec["template"]["spec"]["containers"]
    given = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert spec["completions"] == spec["parallelism"] == int(given["DOLMA_PIPE_RANKS"])
    assert spec["completionMode"] == "Indexed"
    grace = spec["template"]["spec"]["terminationGracePeriodSeconds"]
    assert float(given["DOLMA_PIPE_GRACE"]) < grace


def test_the_slurm_script_is_a_shell_script() -> None:
    subprocess.run(["bash", "-n", str(EXAMPLES / "slurm.sh")], check=True)


def test_slurm_ranks_share_a_run(tmp_path: Path) -> None:
    """srun, played by a loop, gives each rank its number."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "srun").write_text(
        '#!/bin/bash\nshift 2\nfor rank in 0 1; do SLURM_PROCID=$rank "$@" & done\nwait\n'
    )
    (bin_ / "dolma-pipe").write_text('#!/bin/bash\necho "$SLURM_PROCID of $SLURM_NTASKS: $*"\n')
    for path in bin_.iterdir():
        path.chmod(0o755)
    done = subprocess.run(
        ["bash", str(EXAMPLES / "slurm.sh"), "mix.yaml", "/shared/work"],
        env={
            "PATH": f"{bin_}:/usr/bin:/bin",
            "SLURM_JOB_ID": "7",
            "SLURM_NTASKS": "2",
            "SLURM_CPUS_PER_TASK": "3",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    call = "run mix.yaml --engine array --workers 3 --work /shared/work"
    assert sorted(done.stdout.splitlines()) == [f"0 of 2: {call}", f"1 of 2: {call}"]


@pytest.mark.parametrize(
    ("codes", "starts", "ends"),
    [
        ([143, 134, 0], 3, 0),
        ([137, 1], 2, 1),
        ([130], 1, 130),
        ([137] * 10, 10, 75),
    ],
)
def test_the_restarter_of_the_ray_cluster(
    codes: list[int], starts: int, ends: int, tmp_path: Path
) -> None:
    """What was killed is started again; what would fail again, or somebody interrupted, is not."""
    [command] = read("ray-aws.yaml")["head_setup_commands"]
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "sleep").write_text("#!/bin/bash\n")
    (bin_ / "dolma-pipe").write_text(
        f"#!/bin/bash\necho >> ~/starts\ncodes=({' '.join(map(str, codes))})\n"
        'exit "${codes[$(wc -l < ~/starts) - 1]}"\n'
    )
    for path in bin_.iterdir():
        path.chmod(0o755)
    environment = {"PATH": f"{bin_}:/usr/bin:/bin", "HOME": str(tmp_path)}
    subprocess.run(["bash", "-c", command], env=environment, check=True)
    done = subprocess.run(["bash", "run.sh"], cwd=tmp_path, env=environment)
    assert done.returncode == ends
    assert (tmp_path / "starts").read_text().count("\n") == starts
