"""What an object store refuses and why, in a line that holds no credentials."""

from urllib.parse import urlsplit

from dolma_pipe.settings import one_line

NO_CREDENTIALS = (
    "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or a role"
)
MEANINGS = {
    "AccessDenied": "access denied",
    "403": "access denied",
    "Forbidden": "access denied",
    "InvalidAccessKeyId": "access denied: the access key is not known there",
    "SignatureDoesNotMatch": "access denied: the secret key is not that of the access key",
    "ExpiredToken": "access denied: the session token has expired",
    "InvalidToken": "access denied: the session token is not valid",
    "RequestTimeTooSkewed": "the clock of this machine is wrong: by more than 15 minutes",
    "NoSuchBucket": "there is no such bucket",
    "404": "it is not there",
    "NoSuchKey": "it is not there",
    "PermanentRedirect": "the bucket is in another region: set AWS_REGION",
    "301": "the bucket is in another region: set AWS_REGION",
}
"""Codes of S3's errors ("Error responses" in its API reference)."""


def is_missing(error: Exception) -> bool:
    """Whether it says that an object is not there; a bucket that is not there is another matter."""
    return _code(error) in ("404", "NoSuchKey")


def is_taken(error: Exception) -> bool:
    """Whether a conditional write was refused since something else is there."""
    return _code(error) in ("PreconditionFailed", "412")


def is_contested(error: Exception) -> bool:
    """Whether it was refused since somebody wrote there at the same moment: ask again."""
    return _code(error) in ("ConditionalRequestConflict", "409")


def is_changed(error: Exception) -> bool:
    """Whether an object is another than If-Match wants, or has no such bytes."""
    return _code(error) in ("PreconditionFailed", "412", "InvalidRange", "416")


def reason(error: Exception) -> str:
    """Why botocore or boto3 has failed."""
    from botocore import exceptions

    if code := _code(error):
        more = one_line(error.response["Error"].get("Message") or "")  # type: ignore[attr-defined]
        return MEANINGS.get(code, f"{code}: {more}")
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return NO_CREDENTIALS
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        address = urlsplit(str(getattr(error, "kwargs", {}).get("endpoint_url") or ""))
        where = f"{address.hostname}:{address.port}" if address.port else address.hostname or ""
        return f"{where or 'the store'} cannot be reached ({type(error).__name__})"
    return one_line(error)


def _code(error: Exception) -> str:
    answer = getattr(error, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))
