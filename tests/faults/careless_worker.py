"""python -m tests.faults.careless_worker: a worker that writes with w:1, j:false."""

from pymongo import WriteConcern

import coinslot.store.mongodb as mongodb
import worker.__main__ as root

mongodb.DURABLE = WriteConcern(1, j=False)
root.main()
