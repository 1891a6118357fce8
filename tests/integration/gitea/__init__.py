"""A stand-in for Gitea, and the same behind the proxy, where it can be broken on purpose.

    server.Server   a forge without faults
    Gitea           one behind a proxy; see there for how it is used
"""

from .behind_proxy import Gitea

__all__ = ["Gitea"]
