"""The settings of analytics; coinslot/settings.py reads them with its own."""

from __future__ import annotations

import re
from math import log
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

Listed = Annotated[tuple[str, ...], NoDecode]
TABLES = ("counters", "external_grpc_event_targets", "external_grpc_prediction_targets")  # JSON in a variable

ANY_USERS, ANY_ERROR = 100_000, 0.001
LEAST_ERROR = 1e-6  # with a smaller one, filters in blocks take more than 1.5 times the memory that theory asks for
MAX_FILTER_BITS = 2**32  # of one value in Redis
OVER_THEORY = 1.7  # a scalable filter's first layer takes about so much at most


class CounterRule(BaseModel):
    """How the counters of all names are kept that `pattern`, a regular expression, is found in.

    `size`: users that a fixed filter is made for, and the first layer of a scalable one. `error_probability`: that a
    user who was never counted is taken for one who was.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pattern: str = ""
    type: Literal["bloom_scalable", "bloom_fixed_size"] = "bloom_scalable"
    date_cohort: Literal["", "weekly"] = ""
    size: int = Field(default=ANY_USERS, ge=1, le=100_000_000)
    error_probability: float = Field(default=ANY_ERROR, ge=LEAST_ERROR, le=0.5)

    @field_validator("pattern")
    @classmethod
    def _is_regular_expression(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _fits_in_a_value_of_redis(self) -> CounterRule:
        filter_bits = OVER_THEORY * self.size * log(1 / self.error_probability) / log(2) ** 2
        if filter_bits > MAX_FILTER_BITS:
            raise ValueError(
                f"size={self.size} with error_probability={self.error_probability} takes a filter of more than 512 MiB"
            )
        return self


class Target(BaseModel):
    """A gRPC server that events are sent to, or predictions are asked of. `name` stands before what it predicts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)

    @property
    def address(self) -> str:
        """HOST:PORT, with brackets around an IPv6 address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class AnalyticsSettings(BaseSettings):
    """What an operator can set of analytics. Lists of tables are JSON in the environment."""

    counters: Annotated[tuple[CounterRule, ...], NoDecode] = Field(
        (), description="how counters are kept, by name: the first whose `pattern` is found in it"
    )
    counters_max: int = Field(10_000, ge=1, description="most counters; events of further names are dead letters")
    bank_analytics: bool = Field(False, description="`1`: analytic events are banked as well as counted")
    persist_every_s: float = Field(60.0, gt=0, description="how often the counters that changed are persisted")
    namespace: str = Field("default", min_length=1, description="in Kubernetes: where the feature flags' ConfigMap is")
    additional_namespaces: Listed = Field((), description="further ones that it is written to, split by commas")
    storage_path_prefix: str = Field("", description="where persisted counters lie in S3 and GCS; empty: NAMESPACE")
    s3_bucket: str = Field("", description="S3 bucket that counters are persisted in; empty: the store")
    s3_host: str = Field("", description="S3's endpoint, where it is not Amazon's own")
    gcs_bucket: str = Field("", description="Google Cloud Storage bucket that counters are persisted in")
    google_application_credentials: str = Field("", description="file of the Google service account")
    kubernetes_service_host: str = Field(
        "", description="the API server; Kubernetes sets it in each pod, and feature specs then also go to a ConfigMap"
    )
    kubernetes_service_port: int = Field(443, ge=1, le=65535, description="its port; Kubernetes sets it too")
    kubernetes_memory_limit: int = Field(0, ge=0, description="bytes this process may use, for /metrics")
    features_mode: Literal["api", "sidecar"] = Field("api", description="`sidecar`: flags from FEATURES_FILE alone")
    features_file: Path = Field(Path("/features/data"), description="the sidecar's feature flags")
    analytics_host: str = Field("", description="`[http://]HOST[:PORT]` that a sidecar forwards analytic events to")
    analytics_timeout_s: float = Field(
        5.0, gt=0, le=30, description="longest a sidecar's POST waits for ANALYTICS_HOST, tries and pauses together"
    )
    external_grpc_event_targets: Annotated[tuple[Target, ...], NoDecode] = Field(
        (), description="gRPC servers that each counted event is sent to"
    )
    external_grpc_prediction_targets: Annotated[tuple[Target, ...], NoDecode] = Field(
        (), description="gRPC servers that are asked for predictions"
    )
    grpc_timeout_s: float = Field(0.5, gt=0, le=30, description="longest a prediction target is waited for")
    site_name: str = Field("", description="site, as /metrics tells it")
    cluster_name: str = Field("", description="cluster, as /metrics tells it")

    @field_validator(*TABLES, mode="before")
    @classmethod
    def _decode_tables(cls, value: object) -> object:
        try:
            return msgspec.json.decode(value) if isinstance(value, str) else value
        except msgspec.MsgspecError as error:
            raise ValueError(f"is not JSON: {error}") from None

    @field_validator("additional_namespaces", mode="before")
    @classmethod
    def _split_namespaces(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_persisted_in_one_place(self) -> AnalyticsSettings:
        if self.s3_bucket and self.gcs_bucket:
            raise ValueError("S3_BUCKET and GCS_BUCKET are both set: counters are persisted in one place")
        return self

    @model_validator(mode="after")
    def _sidecar_knows_where_to_forward(self) -> AnalyticsSettings:
        if self.features_mode == "sidecar" and not self.analytics_host:
            raise ValueError("FEATURES_MODE=sidecar without ANALYTICS_HOST: where are analytic events to go?")
        return self
