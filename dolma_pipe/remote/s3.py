"""Objects of S3, or of whatever speaks its protocol."""

from typing import Any

from dolma_pipe.errors import MissingExtra
from dolma_pipe.remote.addresses import bucket_and_key
from dolma_pipe.remote.file import Answer, Broken, Version
from dolma_pipe.store.bucket import client
from dolma_pipe.store.refusals import is_changed, is_missing, reason


class S3Object:
    """s3://bucket/key. botocore itself asks again where a request fails; its waits come first."""

    def __init__(self, uri: str) -> None:
        self._bucket, self._key = bucket_and_key(uri)

    def open(self, start: int, expected: Version | None) -> Answer:
        try:
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            raise MissingExtra("s3", "boto3") from None
        wanted: dict[str, Any] = {"Bucket": self._bucket, "Key": self._key}
        if start:
            wanted["Range"] = f"bytes={start}-"
        if expected is not None and expected.mark is not None:
            wanted["IfMatch"] = expected.mark
        try:
            answer = client().get_object(**wanted)
        except (BotoCoreError, ClientError) as error:
            if expected is not None and (is_changed(error) or is_missing(error)):
                raise OSError("it was changed while it was read: run again") from error
            raise OSError(reason(error)) from error
        told = answer.get("ContentRange", "")  # bytes 5-9/10
        begin = int(told.removeprefix("bytes ").partition("-")[0]) if told else 0
        size = int(told.rpartition("/")[2]) if told else answer["ContentLength"]
        return Answer(_Body(answer["Body"]), begin, Version(size, answer["ETag"]))


class _Body:
    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, size: int) -> bytes:
        from botocore.exceptions import BotoCoreError, FlexibleChecksumError
        from urllib3.exceptions import HTTPError

        try:
            content: bytes = self._body.read(size)
        except FlexibleChecksumError as error:
            raise OSError("its bytes do not have the checksum that the store tells") from error
        except (BotoCoreError, HTTPError, OSError) as error:
            raise Broken(f"the connection broke ({type(error).__name__})") from error
        return content

    def close(self) -> None:
        self._body.close()
