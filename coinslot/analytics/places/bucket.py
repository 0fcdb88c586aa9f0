"""A bucket of S3, or of whoever speaks as it does, or of Google Cloud Storage; through obstore."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from coinslot.errors import SettingsError, StoreUnavailable

try:
    from obstore.exceptions import BaseError
    from obstore.store import GCSStore, S3Store
except ImportError as missing:
    raise SettingsError(
        "S3_BUCKET and GCS_BUCKET need the extra `buckets`: pip install 'coinslot[buckets]'"
    ) from missing

if TYPE_CHECKING:
    from obstore.store import ClientConfig, GCSConfig, RetryConfig, S3Config

T = TypeVar("T")

CONNECT_TIMEOUT = timedelta(seconds=3)
REQUEST_TIMEOUT = timedelta(seconds=30)
RETRY: RetryConfig = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=10),  # after which none begins
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1), "base": 2},
}
MAX_REASON_CHARACTERS = 300
# What obstore raises: https://developmentseed.org/obstore/latest/api/exceptions/
ERRORS = (BaseError, OSError, ValueError)


def s3(bucket: str, prefix: str, host: str) -> BucketPlace:
    """Credentials and region as AWS' own tools find them in the environment, or where the machine has a role.

    host: an endpoint, with https:// unless it says http://; empty: Amazon's. Raises SettingsError.
    """
    endpoint = host if not host or "://" in host else f"https://{host}"
    config: S3Config = {"endpoint": endpoint.rstrip("/")} if endpoint else {}
    named = "S3_BUCKET, S3_HOST or STORAGE_PATH_PREFIX"
    return _open(S3Store, named, bucket, prefix, config, plain=endpoint.startswith("http://"))


def gcs(bucket: str, prefix: str, account: str) -> BucketPlace:
    """account: a service account's file; empty: the machine's own. Raises SettingsError."""
    config: GCSConfig = {"service_account": account} if account else {}
    named = "GCS_BUCKET, GOOGLE_APPLICATION_CREDENTIALS or STORAGE_PATH_PREFIX"
    # Google's own is never plain; an account's file may name another server (gcs_base_url).
    return _open(GCSStore, named, bucket, prefix, config, plain=True)


class BucketPlace:
    """Objects under a prefix of the bucket. An object is replaced by one request, so it is never half new."""

    def __init__(self, store: S3Store | GCSStore) -> None:
        self._store = store

    def put(self, name: str, content: bytes) -> None:
        self._ask(lambda: self._store.put(name, content, use_multipart=False))

    def get(self, name: str) -> bytes | None:
        try:
            return self._ask(lambda: bytes(self._store.get(name).bytes()))
        except StoreUnavailable as error:
            # A bucket that is missing is told from an object that is by this word alone.
            if isinstance(error.__cause__, FileNotFoundError) and "NoSuchBucket" not in str(error.__cause__):
                return None
            raise

    def names(self) -> list[str]:
        return self._ask(lambda: [entry["path"] for entry in self._store.list().collect()])

    def _ask(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except ERRORS as error:
            raise StoreUnavailable(f"bucket {self._store.config.get('bucket')}: {_one_line(error)}") from error


def _open(
    kind: Callable[..., S3Store | GCSStore],
    variables: str,
    bucket: str,
    prefix: str,
    config: S3Config | GCSConfig,
    *,
    plain: bool,
) -> BucketPlace:
    client: ClientConfig = {"allow_http": plain, "connect_timeout": CONNECT_TIMEOUT, "timeout": REQUEST_TIMEOUT}
    try:
        store = kind(bucket, prefix=prefix.strip("/"), config=config, client_options=client, retry_config=RETRY)
    except ERRORS as error:
        raise SettingsError(f"{variables}: {_one_line(error)}") from error
    return BucketPlace(store)


def _one_line(error: Exception) -> str:
    """Without the tree of causes that obstore puts below."""
    return " ".join(str(error).partition("\nDebug source:")[0].split())[:MAX_REASON_CHARACTERS]
