"""S3_BUCKET and GCS_BUCKET become a place; without them it is the store's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coinslot.analytics.places.protocol import Place
from coinslot.settings import Settings
from coinslot.store.keeping import Keeping

if TYPE_CHECKING:
    from coinslot.analytics.places.bucket import BucketPlace


def open_place(settings: Settings, store: Keeping) -> Place:
    """Where counters are persisted. The network is not touched before its first use.

    Raises SettingsError where a setting can never lead to a place.
    """
    return open_bucket(settings) or store.place()


def open_bucket(settings: Settings) -> BucketPlace | None:
    """The bucket that the settings name, if they do; otherwise as `open_place`."""
    prefix = settings.storage_path_prefix or settings.namespace
    if settings.s3_bucket:
        from coinslot.analytics.places import bucket  # an extra, which is not there for those who need it not

        return bucket.s3(settings.s3_bucket, prefix, settings.s3_host)
    if settings.gcs_bucket:
        from coinslot.analytics.places import bucket

        return bucket.gcs(settings.gcs_bucket, prefix, settings.google_application_credentials)
    return None
