"""Every error that dolma-pipe raises on purpose, named by its consequence.

    DolmaPipeError
    └── UserError            one line, exit 1: the user can mend it
        ├── RecipeError      the recipe is wrong: said before any data is read
        ├── AssetError       a model or tokenizer cannot be had, or is not the one that was pinned
        ├── InputError       documents cannot be read
        │   └── TooManyBad   more lines are bad than max_bad allows
        ├── WorkError        the work directory cannot be used
        ├── StoreError       an object store, or a folder for output, refuses or cannot be reached
        ├── TokensError      a token array is missing, damaged or not what its manifest says
        ├── TrainError       a training cannot start or go on: its settings, a checkpoint, the loss
        ├── ClusterLost      a cluster went away under a run: exit 75, start again
        └── MissingExtra     an optional dependency is not installed

Anything else that escapes is a bug: it keeps its traceback and exits with 3.
"""


class DolmaPipeError(Exception):
    """The root of all errors raised on purpose."""


class UserError(DolmaPipeError):
    """Something that the user can mend; its text is one line."""


class RecipeError(UserError):
    """The recipe is wrong. args: every mistake that was found; its text is the first of them."""

    def __str__(self) -> str:
        return str(self.args[0])


class AssetError(UserError):
    """A model or tokenizer cannot be had, or is not the pinned one."""


class InputError(UserError):
    """Documents cannot be read."""


class TooManyBad(InputError):
    """More lines are bad than max_bad allows. found: the counts, for JSON."""

    def __init__(self, told: str, found: object) -> None:
        super().__init__(told)
        self.found = found


class WorkError(UserError):
    """The work directory cannot be used."""


class StoreError(UserError):
    """An object store, or a folder for output, refuses or cannot be reached."""


class TokensError(UserError):
    """A token array is missing, damaged or not what its manifest says."""


class TrainError(UserError):
    """A training cannot start or go on: its settings, a checkpoint, the loss."""


class ClusterLost(UserError):
    """A cluster went away under a run, which goes on when it is started again."""


class MissingExtra(UserError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, package: str) -> None:
        super().__init__(f"{package} is not installed: pip install 'dolma-pipe[{extra}]'")


class Mistakes:
    """The user's errors of things that are looked at each alone, so that all are told at once.

    with mistakes: around each of them; at the end tell() raises what there was.
    """

    def __init__(self) -> None:
        self.found: list[UserError] = []

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object
    ) -> bool:
        if isinstance(error, UserError):
            self.found.append(error)
            return True
        return False

    def tell(self) -> None:
        """Raise the one error, or a RecipeError of all; what several have is told once."""
        told = dict.fromkeys(each for error in self.found for each in error.args)
        if len(told) == 1:
            raise self.found[0]
        if told:
            raise RecipeError(*told)
