"""Data curation for language-model pre-training: sharded JSONL in, token arrays out."""

from pathlib import Path

__version__ = "0.1.0"

# An installed wheel holds taggers, mixers and configs inside this package. A checkout has them
# beside it,
# and neither editable installs nor type checkers follow setuptools' package-dir: look there too.
_checkout = Path(__file__).parent.parent
if (_checkout / "pyproject.toml").is_file() and (_checkout / "taggers").is_dir():
    __path__.append(str(_checkout))
