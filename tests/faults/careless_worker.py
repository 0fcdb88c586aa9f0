"""python -m tests.faults.careless_worker: a worker that writes with w:1, j:false."""

from typing import Any

from pymongo import WriteConcern

import coinslot.store.mongodb as mongodb
import worker.__main__ as root


def careless(*_: Any, **__: Any) -> WriteConcern:
    return WriteConcern(1, j=False)


mongodb.WriteConcern = careless  # type: ignore[assignment, misc]
root.main()
