"""ConfigMaps, by which sidecars elsewhere in a Kubernetes cluster come to the specs.

ConfigMap `coinslot-features`, in NAMESPACE and in each of ADDITIONAL_NAMESPACES:

    data: {"data": '{"featureSpecs": [...]}'}

A pod that mounts it at /features finds the specs in /features/data. Labels and further keys of a ConfigMap that is
there already stay. Which rights this takes: docs/deployment.md. This imports the extra `kubernetes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

import urllib3
from kubernetes import client
from kubernetes.client import ApiException
from kubernetes.config import ConfigException
from kubernetes.config.incluster_config import (
    SERVICE_HOST_ENV_NAME,
    SERVICE_PORT_ENV_NAME,
    InClusterConfigLoader,
)

from coinslot.errors import ConfigMapUnavailable
from coinslot.features.spec import FeatureSpecs

NAME, KEY = "coinslot-features", "data"
TIMEOUT_S = (2.0, 5.0)  # to connect, and for the answer


class ConfigMaps:
    """Writes the specs into one ConfigMap a namespace; it is made where there is none."""

    def __init__(self, api: client.CoreV1Api, namespaces: Sequence[str]) -> None:
        self._api = api
        self._namespaces = namespaces

    def write(self, specs: FeatureSpecs) -> None:
        """In turn. Raises ConfigMapUnavailable at the first that cannot be written, and leaves those after it."""
        for namespace in self._namespaces:
            try:
                self._apply(namespace, {KEY: specs.document.decode()})
            except ApiException as error:
                raise _unavailable(namespace, f"{error.status} {error.reason}") from error
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise _unavailable(namespace, f"the API server cannot be reached: {error}") from error

    def _apply(self, namespace: str, data: dict[str, str]) -> None:
        try:
            self._patch(namespace, data)
        except ApiException as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            self._create(namespace, data)

    def _create(self, namespace: str, data: dict[str, str]) -> None:
        body = {"metadata": {"name": NAME}, "data": data}
        try:
            self._api.create_namespaced_config_map(namespace, body, _request_timeout=TIMEOUT_S)
        except ApiException as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            self._patch(namespace, data)  # another process made it meanwhile

    def _patch(self, namespace: str, data: dict[str, str]) -> None:
        self._api.patch_namespaced_config_map(NAME, namespace, {"data": data}, _request_timeout=TIMEOUT_S)


def connect(host: str, port: int, service_account: Path) -> client.CoreV1Api:
    """The API server, as a pod reaches it. service_account: the folder of its `token`, which is read anew as it
    changes, and `ca.crt`. Raises ConfigMapUnavailable where they cannot be used."""
    configuration = client.Configuration()
    configuration.retries = False  # whoever set the specs tries again
    environment = {SERVICE_HOST_ENV_NAME: host, SERVICE_PORT_ENV_NAME: str(port)}
    token, ca = service_account / "token", service_account / "ca.crt"
    try:
        InClusterConfigLoader(token, ca, environ=environment).load_and_set(configuration)
        return client.CoreV1Api(client.ApiClient(configuration))
    except (ConfigException, OSError) as error:
        raise ConfigMapUnavailable(f"the pod's service account cannot be used: {error}") from error


def _unavailable(namespace: str, why: str) -> ConfigMapUnavailable:
    return ConfigMapUnavailable(f"ConfigMap {NAME} in namespace {namespace} cannot be written: {why}")
