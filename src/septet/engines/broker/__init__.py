"""What carries broadcasts: in this process. A broker for several processes comes with the systems that need it."""

from __future__ import annotations

from septet.core.realtime import Broker
from septet.engines.broker.memory import MemoryBroker


def open_broker() -> Broker:
    return MemoryBroker()
