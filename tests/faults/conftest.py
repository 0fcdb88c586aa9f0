"""RabbitMQ, for the tests of a queue that is not on Redis; started once a run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import kombu
import pytest

from coinslot.ports import free_port
from coinslot.stack.process import Process
from tests.pipeline import Pipeline, until

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # past Debian's wrapper, which wants to change users


@pytest.fixture(scope="session")
def amqp_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not RABBITMQ.exists() or not shutil.which("erl"):
        pytest.skip("rabbitmq-server is not installed (on Debian: apt-get install rabbitmq-server)")
    folder, port, name_port = tmp_path_factory.mktemp("rabbitmq"), free_port(), free_port()
    environment = {
        **os.environ,
        "HOME": str(folder),  # Erlang's cookie
        "ERL_EPMD_PORT": str(name_port),
        "RABBITMQ_NODENAME": f"coinslot-{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
    }
    url = f"amqp://guest:guest@127.0.0.1:{port}//"
    server = Process("rabbitmq", [RABBITMQ], env=environment, log=folder / "rabbitmq.log")
    server.start()
    until(lambda: answers(url), timeout_s=60, what=f"RabbitMQ up; see {folder}")
    yield url
    server.stop(grace_s=20)


def answers(url: str) -> bool:
    try:
        with kombu.Connection(url, connect_timeout=1) as connection:
            connection.ensure_connection(max_retries=0)
            return True
    except (kombu.exceptions.KombuError, OSError):
        return False


@pytest.fixture
def on_rabbitmq(amqp_url: str, redis_url: str, prefix: str, tmp_path: Path) -> Iterator[Pipeline]:
    environment = {"BROKER_URL": amqp_url, "DB_BACKEND": "sqlite", "REDIS_URL": redis_url, "KEY_PREFIX": prefix}
    environment["COMMITS_IN_FLIGHT"] = "1"  # so that whoever publishes has done so before
    pipeline = Pipeline(tmp_path, environment).start()
    yield pipeline
    pipeline.stop()
