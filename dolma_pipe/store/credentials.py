"""Addresses that hold a secret are refused: they stand in recipes, manifests, reports and logs."""

import re
from urllib.parse import parse_qsl, urlsplit

from dolma_pipe.errors import RecipeError

_SECRETS = re.compile(
    r".*(signature|credential|secret|passw|(access|api|auth|private).?key).*|sig|pass|pwd|jwt"
    r"|.*token(?!i[sz]|s(?![a-z])|.?(count|limit|length)).*"  # not tokenizer, max_tokens
    r"|.*auth(?!or(?!i[sz])).*",  # not author, authority
    re.IGNORECASE,
)
"""Parameters that let whoever has the address in, of S3, Google, Azure and others: X-Amz-Signature,
sig, access_token, ..."""
_PERHAPS = re.compile("key|code", re.IGNORECASE)
"""Those that are a secret (Google, Azure) or say which file is wanted."""
_RANDOM = re.compile(r"[^.\s]{16,}")
"""Values that may be keys, and are no name of a file."""


def refuse_credentials(address: str) -> None:
    """Ask before anything stores or shows the address. Raises RecipeError, which does not; also for
    what cannot be an address."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:  # http://[::1/a
        raise RecipeError("nothing opens an address like this one") from None
    if not parts.scheme:
        return
    user, at, _ = parts.netloc.rpartition("@")
    if at and (":" in user or parts.scheme.startswith(("http", "s3"))):  # sftp://me@host is fine
        raise RecipeError(
            "credentials do not belong into an address: those of object stores come from the"
            " environment, ~/.aws, or the machine's role"
        )
    for name, value in parse_qsl(parts.query.replace(";", "&"), keep_blank_values=True):
        if _SECRETS.fullmatch(name) or (_PERHAPS.fullmatch(name) and _RANDOM.fullmatch(value)):
            raise RecipeError(
                f"{parts.scheme}://{parts.netloc}{parts.path}?{name}=... holds a secret, and"
                " credentials do not belong into an address: use s3:// and credentials of the"
                " environment, or fetch the file"
            )
