"""The extra `grpc`: asked for only where gRPC targets are configured."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from coinslot.analytics.settings import Target
from coinslot.errors import CannotStart

PACKAGES = ("grpc", "google", "google.protobuf")  # `google` first: without it, its part cannot even be looked for


def prepare_grpc(setting: str, targets: Sequence[Target], find: Callable[[str], object] = find_spec) -> None:
    """To be called before gRPC is imported, here or in a process that is started.

    Raises CannotStart if there are targets and the extra is not installed.
    """
    if not targets:
        return
    if not all(map(find, PACKAGES)):
        raise CannotStart(f"{setting} is set, and needs gRPC, which is not installed: pip install 'coinslot[grpc]'")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # else its C part writes to stderr that a target went away
