"""Addresses with secrets in them, told from addresses that only look like it."""

import pytest

from dolma_pipe.errors import RecipeError
from dolma_pipe.store import check_place, refuse_credentials

SECRET = "Sw0rdfish-of-many-letters"


@pytest.mark.parametrize(
    "query",
    [
        *("X-Amz-Security-Token", "X-Goog-Credential", "sig", "SharedAccessSignature", "AUTH"),
        *("oauth_token", "token", "authToken", "authorization", "client_secret", "password"),
        *("pwd", "api-key", "AWSAccessKeyId", "key", "code", "a=1;sig", "%73ig"),
    ],
)
def test_secrets_are_refused_without_showing_them(query: str) -> None:
    with pytest.raises(RecipeError, match="credentials do not belong into an address") as raised:
        refuse_credentials(f"https://e.org/a.jsonl?b=1&{query}={SECRET}")
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "query",
    [
        *("key=web/train-00000-of-00005.parquet", "key=title", "code=python", "token_count=3"),
        *("max_tokens=512", "tokenizer=gpt2", "author=Jane", "authority=x", "design=1", "monkey=1"),
        *("passage=3", "bypass=1", "download=true", "keyword=deep-learning-for-everybody"),
    ],
)
def test_honest_parameters_pass(query: str) -> None:
    refuse_credentials(f"https://e.org/a.jsonl?{query}")


@pytest.mark.parametrize(
    "address", [f"s3://{SECRET}@[x/a", f"S3://{SECRET}@b/a", f"s3://b/a?sig={SECRET}"]
)
def test_a_place_to_write_to_tells_no_secret_either(address: str) -> None:
    with pytest.raises(RecipeError) as raised:
        check_place(address)
    assert SECRET not in str(raised.value)
