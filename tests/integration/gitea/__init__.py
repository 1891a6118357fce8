"""A Gitea that can be broken on purpose. See server.Gitea for how it is used."""

from .faults import Fault
from .server import Gitea

__all__ = ["Fault", "Gitea"]
