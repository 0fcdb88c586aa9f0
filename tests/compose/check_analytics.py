"""Analytics in containers: through the gateway, with a killed worker, with whom they call, and beside a sidecar.

As long as check_compose.py; `make test-compose` runs both.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from coinslot.ports import free_port
from tests.compose.project import Project, bridge, missing
from tests.pipeline import until
from tests.s3 import make_bucket, s3_server
from tests.target import GrpcTarget

SPECS = {"featureSpecs": [{"name": "flag", "boolean": True}]}
OURS = ("ingest", "worker", "api", "sidecar")
USERS, POSTS = 40, 60

# Prints, a line each: the user, the capabilities of all processes together, where a file could be made.
WHAT_IT_MAY = """
import glob, os, pathlib
rights = 0
for status in glob.glob("/proc/[0-9]*/status"):
    fields = dict(line.split(":", 1) for line in pathlib.Path(status).read_text().splitlines())
    rights |= int(fields["CapEff"], 16) | int(fields["CapPrm"], 16)
writable = []
for folder in ("/", "/opt/coinslot", "/var/tmp", "/tmp"):
    try:
        path = pathlib.Path(folder, "made")
        path.touch()
        path.unlink()
        writable.append(folder)
    except OSError:
        pass
print(os.getuid(), rights, *writable)
"""
# In a sidecar's container: what /v0/features and one POST are answered with.
ASK_SIDECAR = """
from urllib.request import Request, urlopen
base = "http://127.0.0.1:3000"
print(urlopen(base + "/v0/features").read().decode())
event = b'{"event_name": "paid", "user_id": "ann", "namespace": "pod"}'
print(urlopen(Request(base + "/v0/analytics", event, {"Content-Type": "application/json"})).status)
print(urlopen(base + "/ready").status)
"""


@pytest.fixture(scope="module")
def host() -> str:
    if lack := missing():
        pytest.skip(lack)
    return bridge()


@pytest.fixture(scope="module")
def crm(host: str) -> Iterator[GrpcTarget]:
    with GrpcTarget("crm", address=host) as target:
        target.predict(("churn", 0.75, 0.25))
        yield target


@pytest.fixture(scope="module")
def bucket(host: str) -> Iterator[str]:
    with s3_server(host) as url:
        yield make_bucket(url, "counters")


@pytest.fixture(scope="module")
def project(host: str, crm: GrpcTarget, bucket: str) -> Iterator[Project]:
    outside = {"OUTSIDE": host, "GRPC_PORT": str(crm.target.port), "S3_HOST": bucket.rpartition("/")[0]}
    files = "docker-compose.yml:tests/compose/outside.yml"
    project = Project(f"coinslot-test-{uuid.uuid4().hex[:8]}", free_port(), COMPOSE_FILE=files, **outside)
    try:
        project.up(worker=2, ingest=2)
        yield project
    finally:
        project.down()


def post(project: Project, path: str, body: Any) -> int:
    return urllib3.request("POST", f"{project.url}{path}", json=body, retries=False, timeout=10).status


def get(project: Project, path: str) -> Any:
    response = urllib3.request("GET", f"{project.url}{path}", retries=False, timeout=10)
    assert response.status == 200, response.data
    return response.json()


def text(project: Project, path: str) -> str:
    return urllib3.request("GET", f"{project.url}{path}", retries=False, timeout=10).data.decode()


def b64(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def did(namespace: str, user: str, *names: str) -> list[dict[str, str]]:
    return [{"namespace": namespace, "user_id": user, "event_name": name} for name in names]


def counts(project: Project, namespace: str) -> dict[str, int]:
    return {each["name"]: each["count"] for each in get(project, f"/v0/analytics?namespace={namespace}")["counts"]}


def counted(project: Project) -> bool:
    audit = get(project, "/audit?queue=analytics")
    assert audit["balanced"], audit
    return bool(audit["queued"] == 0)


def test_what_is_posted_to_the_gateway_is_counted_and_predicts(project: Project) -> None:
    events = [*did("shop", "ann", "search", "buy"), *did("shop", "bob", "search")]

    assert post(project, "/v0/goals", {"namespace": "shop", "goal_name": "buy"}) == 204
    assert post(project, "/v0/analytics", events) == 204

    until(lambda: counted(project), what="counted")
    assert counts(project, "shop") == {"global_counter": 2, "search": 2, "buy": 1}
    assert get(project, "/v0/goals?namespace=shop") == {"goals": ["buy"]}
    assert get(project, "/v0/predictions?namespace=shop")["goals"]["buy"] == {"events": {"search": {"bayes": 0.5}}}
    assert get(project, "/v0/nudges?namespace=shop&user_id=cat&goal=buy")["nudges"][0]["event_name"] == "search"
    assert "shop" in get(project, "/v0/namespaces")["namespaces"]
    assert "kimball_counters " in text(project, "/metrics")
    assert 'kimball_namespace="shop",name="search"' in text(project, "/metrics/counters")


def test_feature_flags_are_told_and_lead_to_counts(project: Project) -> None:
    assert post(project, "/v0/featureSpecs", SPECS) == 204

    assert get(project, "/v0/featureSpecs") == SPECS
    assert get(project, "/v0/features")["features"] == {"flag": True}
    query = f"user_obj={b64({'user_id': 'ann'})}&context_obj={b64({'feature': 'flag'})}"
    assert get(project, f"/v0/features?{query}")["features"] == {"flag": True}
    until(lambda: counts(project, "default") == {"global_counter": 1, "flag": 1}, what="counted")


def test_a_killed_worker_changes_no_number(project: Project) -> None:
    namespace = "killed"
    victim = project.containers("worker")[0]
    assert post(project, "/v0/goals", {"namespace": namespace, "goal_name": "buy"}) == 204

    for n in range(POSTS):
        events = [event for user in range(USERS) for event in did(namespace, f"{n}-{user}", "search", "buy")]
        if n == POSTS // 2:
            project.kill(victim)
        assert post(project, "/v0/analytics", events) == 204

    until(lambda: counted(project), timeout_s=60, what="counted")  # what it held, others take over after 30 s
    users = POSTS * USERS
    assert counts(project, namespace) == {"global_counter": users, "search": users, "buy": users}
    (buy,) = [each for each in get(project, f"/v0/analytics?namespace={namespace}")["counts"] if each["name"] == "buy"]
    assert buy["single_event_counts"] == [{"name": "search", "count": users}]


def test_workers_tell_a_grpc_target_and_api_asks_it(project: Project, crm: GrpcTarget) -> None:
    assert post(project, "/v0/analytics", did("told", "ann", "visit")) == 204

    while crm.arrived(1) != [("told", "visit", "ann")]:
        pass  # what other tests counted
    assert get(project, "/v0/predictions?namespace=told&event=visit")["goals"]["churn"] == {
        "crm_yes": 0.75,
        "crm_no": 0.25,
    }


def test_workers_persist_in_a_bucket(project: Project, bucket: str) -> None:
    assert post(project, "/v0/analytics", did("kept", "ann", "visit")) == 204

    def persisted() -> bool:
        return b"<Key>default/" in urllib3.request("GET", bucket).data

    until(persisted, what="persisted")


@pytest.mark.parametrize("service", OURS)
def test_a_container_runs_without_root_and_rights_and_writes_to_tmp_alone(project: Project, service: str) -> None:
    user, rights, *writable = project.python(service, WHAT_IT_MAY).split()

    assert (user, rights, writable) == ("10001", "0", ["/tmp"])


def test_a_sidecar_needs_neither_redis_nor_mongodb(project: Project) -> None:
    flags, posted, ready = project.python("sidecar", ASK_SIDECAR).splitlines()

    assert json.loads(flags)["features"] == {"new-till": True}
    assert (posted, ready) == ("204", "200")
    until(lambda: counts(project, "pod").get("paid") == 1, what="counted")
