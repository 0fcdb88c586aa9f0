"""Feature specs set over HTTP, on their way to Redis and to the ConfigMaps of a Kubernetes cluster."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import api.features
from api import about
from coinslot import redisclient, web
from coinslot.errors import CoinslotError
from coinslot.features.cluster import places
from coinslot.features.specs import RedisSpecs
from coinslot.keys import Keys
from coinslot.settings import Settings
from tests.cluster import Cluster, cluster

NAME = "coinslot-features"
SPECS = {"featureSpecs": [{"name": "grün", "boolean": True, "note": "kept"}]}
OTHERS = {"featureSpecs": [{"name": "blue"}]}


@pytest.fixture
def kubernetes(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path, "ours", "shop", "blog") as known:
        yield known


class Stage:
    """api's part that sets specs, in a pod of the cluster."""

    def __init__(self, kubernetes: Cluster, redis_url: str, prefix: str, **settings: Any) -> None:
        known = {"kubernetes_service_host": "127.0.0.1", "kubernetes_service_port": kubernetes.port}
        namespaces = {"namespace": "ours", "additional_namespaces": "shop,blog"}
        loaded = Settings.load(**{**known, **namespaces, **settings})
        redis = redisclient.connect(redis_url, timeout_s=5)
        self.specs = RedisSpecs(redis, Keys.of(prefix).feature_specs)
        self._kubernetes = kubernetes
        self._app: Flask = web.create_flask("test")
        maps = places(loaded, kubernetes.service_account)
        self._app.register_blueprint(api.features.blueprint(self.specs.write, maps))
        self._app.register_error_handler(CoinslotError, about.refuse)

    def post(self, specs: Any) -> tuple[int, Any]:
        answer = self._app.test_client().post("/v0/featureSpecs", json=specs)
        return answer.status_code, answer.json if answer.data else None

    def in_redis(self) -> Any:
        return json.loads(self.specs.read().document)

    def in_maps(self) -> dict[str, Any]:
        """By namespace: what a pod that mounts the ConfigMap finds in its file `data`; None where there is none."""
        held = {namespace: maps.get(NAME) for namespace, maps in self._kubernetes.maps.items()}
        return {namespace: held and json.loads(held["data"]["data"]) for namespace, held in held.items()}


@pytest.fixture
def stage(kubernetes: Cluster, redis_url: str, prefix: str) -> Stage:
    return Stage(kubernetes, redis_url, prefix)


EVERYWHERE = ("ours", "shop", "blog")


def test_they_are_in_a_config_map_of_every_namespace_and_in_redis(stage: Stage) -> None:
    assert stage.post(SPECS) == (204, None)

    assert stage.in_maps() == dict.fromkeys(EVERYWHERE, SPECS)
    assert stage.in_redis() == SPECS


def test_they_replace_those_before(stage: Stage) -> None:
    stage.post(SPECS)

    assert stage.post(OTHERS) == (204, None)

    assert stage.in_maps() == dict.fromkeys(EVERYWHERE, OTHERS)
    assert stage.in_redis() == OTHERS


def test_what_else_a_config_map_holds_stays(stage: Stage, kubernetes: Cluster) -> None:
    labelled = {"metadata": {"name": NAME, "labels": {"team": "shop"}}, "data": {"other": "kept"}}
    kubernetes.maps["shop"][NAME] = labelled

    stage.post(SPECS)

    assert labelled["metadata"]["labels"] == {"team": "shop"}  # type: ignore[index]
    assert labelled["data"]["other"] == "kept"
    assert stage.in_maps()["shop"] == SPECS


def test_one_that_another_process_makes_at_the_same_moment_is_written_all_the_same(
    stage: Stage, kubernetes: Cluster
) -> None:
    kubernetes.maps["shop"][NAME] = {"metadata": {"name": NAME}, "data": {}}
    kubernetes.faults["PATCH", "shop"] = [404]  # it was not there yet; to make it is then a conflict

    assert stage.post(SPECS) == (204, None)

    assert [asked for asked in kubernetes.asked if "shop" in asked] == [
        f"PATCH shop/{NAME}",
        "POST shop",
        f"PATCH shop/{NAME}",
    ]
    assert stage.in_maps()["shop"] == SPECS


@pytest.mark.parametrize(("method", "status"), [("PATCH", 403), ("PATCH", 500), ("POST", 403), ("POST", 503)])
def test_where_one_cannot_be_written_it_is_503_and_sending_them_again_mends_it(
    stage: Stage, kubernetes: Cluster, method: str, status: int
) -> None:
    kubernetes.faults[method, "shop"] = [status]

    code, told = stage.post(SPECS)

    assert code == 503
    assert told["error"]["what"].startswith(f"ConfigMap {NAME} in namespace shop cannot be written: {status} ")
    assert stage.in_maps() == {"ours": SPECS, "shop": None, "blog": None}
    assert stage.in_redis() == {"featureSpecs": []}  # what is not everywhere is not told
    assert stage.post(SPECS) == (204, None)
    assert stage.in_maps() == dict.fromkeys(EVERYWHERE, SPECS)
    assert stage.in_redis() == SPECS


def test_a_namespace_that_does_not_exist_is_named(stage: Stage, kubernetes: Cluster) -> None:
    del kubernetes.maps["blog"]

    code, told = stage.post(SPECS)

    assert code == 503
    assert "in namespace blog cannot be written: 404" in told["error"]["what"]


def test_an_api_server_that_is_away_is_503_and_found_again(
    stage: Stage, kubernetes: Cluster, tmp_path: Path, redis_url: str, prefix: str
) -> None:
    away = Stage(kubernetes, redis_url, prefix, kubernetes_service_port=1)

    code, told = away.post(SPECS)

    assert code == 503
    assert "the API server cannot be reached" in told["error"]["what"]
    assert stage.in_redis() == {"featureSpecs": []}
    assert stage.post(SPECS) == (204, None)


def test_a_server_with_another_certificate_is_given_no_token(
    kubernetes: Cluster, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with cluster(folder, "ours", "shop", "blog") as other:
        (kubernetes.service_account / "ca.crt").write_bytes((folder / "ca.crt").read_bytes())
        stage = Stage(kubernetes, redis_url, prefix)

        assert stage.post(SPECS)[0] == 503
        assert kubernetes.asked == other.asked == []


def test_a_service_account_that_cannot_be_used_is_503_until_it_can(stage: Stage, kubernetes: Cluster) -> None:
    token = kubernetes.token.read_text()
    kubernetes.token.write_text("")

    code, told = stage.post(SPECS)

    assert code == 503
    assert "the pod's service account cannot be used" in told["error"]["what"]
    kubernetes.token.write_text(token)
    assert stage.post(SPECS) == (204, None)


def test_specs_that_are_refused_reach_nobody(stage: Stage, kubernetes: Cluster) -> None:
    code, _ = stage.post({"featureSpecs": [{"name": "x", "rollout_start": "2026-01-01T00:00:00Z"}]})

    assert code == 400
    assert kubernetes.asked == []


def test_outside_a_cluster_redis_alone_is_written(kubernetes: Cluster, redis_url: str, prefix: str) -> None:
    stage = Stage(kubernetes, redis_url, prefix, kubernetes_service_host="")

    assert stage.post(SPECS) == (204, None)
    assert kubernetes.asked == []
    assert stage.in_redis() == SPECS


def test_a_pod_without_a_service_account_writes_redis_alone_and_says_so(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with caplog.at_level(logging.WARNING):
        written = places(Settings.load(kubernetes_service_host="127.0.0.1"), tmp_path / "none")

    assert written == []
    assert "no service account" in caplog.text


def test_without_the_extra_whoever_sets_specs_is_told_what_is_missing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "coinslot.features.config_maps", raising=False)
    monkeypatch.setitem(sys.modules, "kubernetes", None)  # as if it were not installed

    code, told = stage.post(SPECS)

    assert code == 503
    assert "coinslot[kubernetes]" in told["error"]["what"]
    assert stage.in_redis() == {"featureSpecs": []}
