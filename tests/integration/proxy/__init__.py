"""A proxy in front of a forge, the stand-in or a real one. See proxy.Proxy for how it is used."""

from .faults import Fault
from .proxy import Proxy

__all__ = ["Fault", "Proxy"]
