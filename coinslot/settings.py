"""The only reader of the environment, and of the file that it names: one frozen class, a field a setting.

Units stand in the names. The README's table is generated from these fields and a test holds it to them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from pydantic import AliasChoices, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import EnvSettingsSource, InitSettingsSource, SettingsConfigDict
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri
from redis.connection import parse_url

from coinslot import config_file
from coinslot.access.tokens import check_token
from coinslot.analytics.settings import AnalyticsSettings, Listed
from coinslot.errors import SettingsError
from coinslot.setting_fault import setting_of, told

KIB = 1024
MIB = 1024 * KIB

SCHEMES = {
    "redis_url": ("redis://", "rediss://", "unix://"),
    "mongodb_url": ("mongodb://", "mongodb+srv://"),
    "broker_url": ("redisstreams://", "amqp://", "amqps://"),  # kombu's redis:// loses what a killed worker held
}
TOKENS = ("write_tokens", "read_tokens", "admin_tokens")
SECRET = ("redis_url", "mongodb_url", "broker_url", "db_pass", *TOKENS)  # hold a password or may: never shown


class Settings(AnalyticsSettings):
    """What an operator can set, with defaults that suit one machine.

    Raises SettingsError, through `load`, naming the variable and what is wrong with it.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    host: str = Field("127.0.0.1", description="address the web servers listen on")
    coinslot_config: str = Field("", description="TOML file of settings, by these names in lower case")
    port: int = Field(
        3000,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("api_port", "port"),
        description="port the web servers listen on; `API_PORT` stands over it",
    )
    gateway: str = Field(
        "", description="`[ADDRESS:]PORT` of a gateway that is the only way to HOST, as in compose; empty: none"
    )
    mode: Literal["dev", "prod"] = Field("dev", description="`prod` logs warnings only")
    data_dir: Path = Field(Path("coinslot-data"), description="folder of the one-machine stack and of SQLite")

    db_backend: Literal["mongodb", "sqlite", "memory", "dummy"] = Field("mongodb", description="the store")
    db_host: str = Field("127.0.0.1", description="MongoDB's host")
    db_port: int = Field(27017, ge=1, le=65535, description="MongoDB's port")
    db_name: str = Field("bid_kpi", min_length=1, description="database, made on first use")
    db_user: str = Field("", description="MongoDB's user, if it wants one")
    db_pass: str = Field("", repr=False, description="that user's password")
    mongodb_url: str = Field("", repr=False, description="stands over DB_HOST, DB_PORT, DB_USER and DB_PASS")

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0", repr=False, description="Redis: change feed, ledger, dead letters, queue"
    )
    broker_url: str = Field(
        "", repr=False, description="kombu URL of another queue, such as amqp://; empty: streams on REDIS_URL"
    )
    key_prefix: str = Field(
        "coinslot", pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="prefix of every Redis key, queue and channel"
    )

    max_event_bytes: int = Field(1 * MIB, ge=1 * KIB, le=2 * MIB, description="largest event")
    max_body_bytes: int = Field(8 * MIB, ge=1 * KIB, le=64 * MIB, description="largest body, after inflation")
    bodies_max_bytes: int = Field(256 * MIB, ge=1 * KIB, description="bytes of bodies held at once; then 503")
    max_events_per_post: int = Field(50_000, ge=1, description="most events in one POST")

    commits_in_flight: int = Field(4, ge=1, le=64, description="commits on their way to the queue at once")
    commit_max_bytes: int = Field(1 * MIB, ge=1, description="a forming commit takes no more POSTs beyond this")
    publish_timeout_s: float = Field(2.0, gt=0, le=30, description="longest a POST waits for the queue")
    backlog_max_messages: int = Field(1_000_000, ge=1, description="backlog at which POSTs are refused with 503")
    redis_memory_max_share: float = Field(
        0.8, gt=0, le=1, description="share of Redis' memory at which POSTs are refused with 503"
    )
    threads: int = Field(128, ge=4, le=1024, description="threads of a web process, for reads and large bodies")

    batch_max_events: int = Field(1_000, ge=1, description="a batch is written at this many events")
    batch_max_bytes: int = Field(4 * MIB, ge=1, description="or at this many bytes")
    batch_max_age_ms: int = Field(20, ge=0, le=10_000, description="or this long after its first message")
    claim_idle_s: float = Field(30.0, gt=0, description="a message held this long by a silent worker is taken over")
    claim_every_s: float = Field(5.0, gt=0, description="how often a worker looks for such messages")
    max_deliveries: int = Field(5, ge=1, description="a message delivered more often goes to dead letters")
    dead_max_share: float = Field(
        0.1, ge=0, le=1, description="workers halt when more of about 10,000 events died; `1`: never"
    )

    retention_days: int = Field(
        0, ge=0, le=24_855, description="an event is kept for so many days after it came in; `0`: for ever"
    )  # MongoDB takes no more seconds than 32 bits hold
    feed_max_events: int = Field(100_000, ge=1, description="changes kept for resuming followers, about")
    feed_max_bytes: int = Field(256 * MIB, ge=1 * MIB, description="and in so many bytes; far below Redis' maxmemory")
    followers_max: int = Field(10_000, ge=1, description="followers of one api process")
    ready_max_age_s: float = Field(60.0, gt=0, description="/ready fails when an event has waited longer")
    cors_origins: Listed = Field((), description="origins, split by commas, whose pages may call; `*` for all")
    api_auth: Literal["", "enable", "disable"] = Field(
        "", description="`enable` asks for tokens; `disable` opens all to all; empty: `enable` if there are tokens"
    )
    write_tokens: Listed = Field((), repr=False, description="tokens that may POST events, split by commas")
    read_tokens: Listed = Field((), repr=False, description="tokens that may read and follow events")
    admin_tokens: Listed = Field((), repr=False, description="tokens that may do everything")
    rate_limit: str = Field(
        "",
        pattern=r"^([1-9][0-9]{0,8}/(second|minute|hour|day))?$",
        description="most requests of each token, such as `1000/minute`; empty: no limit",
    )
    failpoint: str = Field(
        "",
        pattern=r"^((read|stored|settled)(:[1-9][0-9]{0,8}(:stop)?)?)?$",
        description="for tests: where a worker dies, NAME[:NTH], or freezes, NAME:NTH:stop",
    )

    @field_validator("cors_origins", *TOKENS, mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator(*TOKENS)
    @classmethod
    def _are_tokens(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for place, value in enumerate(values, 1):
            try:
                check_token(value)
            except ValueError as error:
                raise ValueError(f"number {place}: {error}") from None
        return values

    @field_validator("redis_url", "mongodb_url", "broker_url")
    @classmethod
    def _is_url(cls, value: str, field: ValidationInfo) -> str:
        schemes = SCHEMES[str(field.field_name)]
        if value and not value.startswith(schemes):
            raise ValueError(f"does not begin with {' or '.join(schemes)}")
        try:
            if field.field_name == "redis_url":
                parse_url(value)  # type: ignore[no-untyped-call]
            if value.startswith("mongodb://"):  # a +srv URL cannot be told right from wrong without asking DNS
                parse_uri(value)
        except PyMongoError as error:
            raise ValueError(str(error)) from None
        return value

    @model_validator(mode="after")
    def _queue_lives_beside_the_feed(self) -> Settings:
        # A batch's acknowledgement, feed and ledger move in one script, so they need one Redis.
        streams = urlsplit(self.broker_url)
        if streams.scheme == "redisstreams" and streams._replace(scheme="redis").geturl() != self.redis_url:
            raise ValueError("BROKER_URL: redisstreams:// must name the server of REDIS_URL; leave it empty")
        return self

    @model_validator(mode="after")
    def _banking_lives_beside_counting(self) -> Settings:
        # They move in one script, too.
        if self.bank_analytics and not self.queue_is_on_redis:
            raise ValueError("BANK_ANALYTICS=1 needs the queue on Redis: leave BROKER_URL empty")
        return self

    @model_validator(mode="after")
    def _tokens_are_there_to_be_asked_for(self) -> Settings:
        if self.api_auth == "enable" and not self._has_tokens:
            raise ValueError("API_AUTH=enable without a token: set WRITE_TOKENS, READ_TOKENS or ADMIN_TOKENS")
        if self.rate_limit and not self.auth_is_on:
            raise ValueError("RATE_LIMIT counts the requests of each token, and authentication is off: set tokens")
        return self

    @model_validator(mode="after")
    def _one_body_fits(self) -> Settings:
        if self.bodies_max_bytes < self.max_body_bytes:
            raise ValueError(f"BODIES_MAX_BYTES={self.bodies_max_bytes}: is less than MAX_BODY_BYTES")
        return self

    @property
    def auth_is_on(self) -> bool:
        """Unless it is said outright, tokens are there to be asked for."""
        return self.api_auth == "enable" or (not self.api_auth and self._has_tokens)

    @property
    def ignores_tokens(self) -> bool:
        """There are tokens, and nobody is asked for them."""
        return self._has_tokens and not self.auth_is_on

    @property
    def _has_tokens(self) -> bool:
        return bool(self.write_tokens or self.read_tokens or self.admin_tokens)

    @property
    def queue_is_on_redis(self) -> bool:
        return not self.broker_url or self.broker_url.startswith("redisstreams://")

    @property
    def names_redis(self) -> bool:
        """Whether somebody said which Redis to use; the one-machine stack brings one along otherwise."""
        return "redis_url" in self.model_fields_set

    @property
    def names_mongodb(self) -> bool:
        return bool(self.mongodb_url or ("db_host" in self.model_fields_set and self.db_host))

    @property
    def mongo_url(self) -> str:
        """MONGODB_URL, or one made of the DB_ variables."""
        if self.mongodb_url:
            return self.mongodb_url
        login = f"{quote(self.db_user, safe='')}:{quote(self.db_pass, safe='')}@" if self.db_user else ""
        return f"mongodb://{login}{self.db_host}:{self.db_port}/"

    @classmethod
    def load(cls, **overrides: object) -> Settings:
        """Read the file, over which the environment stands, over which `overrides` (field names) do."""
        given = {**EnvSettingsSource(cls)(), **InitSettingsSource(cls, overrides)()}
        path = str(given.get("coinslot_config") or "")
        content = config_file.read(path, cls.names()) if path else {}
        in_file = InitSettingsSource(cls, content)()
        try:
            return cls(**{**in_file, **given})
        except ValidationError as error:
            fault = error.errors()[0]
            name = setting_of(fault)
            if name in in_file and name not in given:
                where, shown = f"{path}: ", _spelled(name, content)
            else:
                where, shown = "", _spelled(name, map(str.lower, os.environ)).upper()
            raise SettingsError(where + told(fault, shown, is_secret=name in SECRET)) from None

    @classmethod
    def names(cls) -> list[str]:
        """All by which something is set; one setting has a second, which is no field's."""
        return ["api_port", *cls.model_fields]


def _spelled(name: str, written: Iterable[str]) -> str:
    """As it was set: one setting has two names, and goes by its first."""
    return "port" if name == "api_port" and name not in written else name
