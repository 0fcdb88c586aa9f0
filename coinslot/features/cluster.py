"""The Kubernetes cluster around us, if there is one: what it takes to write ConfigMaps there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from coinslot.errors import ConfigMapUnavailable
from coinslot.features.spec import FeatureSpecs
from coinslot.settings import Settings

if TYPE_CHECKING:
    from coinslot.features.config_maps import ConfigMaps

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")  # where Kubernetes mounts it

log = logging.getLogger("coinslot.features")


def places(settings: Settings, service_account: Path = SERVICE_ACCOUNT) -> list[Callable[[FeatureSpecs], None]]:
    """Where specs are written besides Redis: ConfigMaps, in a pod that has a service account; otherwise nowhere."""
    if not settings.kubernetes_service_host:
        return []
    if not service_account.is_dir():
        log.warning("this pod has no service account, so feature specs are written to no ConfigMap")
        return []
    return [_Lazily(lambda: _config_maps(settings, service_account)).write]


class _Lazily:
    """Connects at the first writing: few processes ever write, and the client's modules take 30 MB."""

    def __init__(self, connect: Callable[[], ConfigMaps]) -> None:
        self._connect = connect
        self._maps: ConfigMaps | None = None

    def write(self, specs: FeatureSpecs) -> None:
        self._maps = self._maps or self._connect()
        self._maps.write(specs)


def _config_maps(settings: Settings, service_account: Path) -> ConfigMaps:
    try:
        from coinslot.features.config_maps import ConfigMaps, connect
    except ImportError as error:
        what = "in Kubernetes feature specs also go to a ConfigMap, which takes the extra: coinslot[kubernetes]"
        raise ConfigMapUnavailable(what) from error
    api = connect(settings.kubernetes_service_host, settings.kubernetes_service_port, service_account)
    return ConfigMaps(api, (settings.namespace, *settings.additional_namespaces))
