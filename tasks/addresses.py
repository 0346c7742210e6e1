"""Where this home's servers answer on loopback, and how an address may be shown."""

from __future__ import annotations

import json
import random
import re
import socket
from pathlib import Path

from filelock import FileLock

from tasks.store import state, whole_or_nothing

LASTING = range(10_000, 32_000)  # below those that the system hands out for a moment


def port_of(server: str) -> int:
    """The port to start a server of this home on: its lasting one, or another for this time where that one is taken."""
    port = lasting_port(server)
    return port if is_free(port) else free_port()


def lasting_port(server: str) -> int:
    """The port of a server of this home: chosen once, so that links to it work again whenever it is up."""
    file = state() / "ports.json"
    with FileLock(state() / ".ports.lock"):
        known = _known(file)
        if server not in known:
            known[server] = next(port for port in random.sample(LASTING, len(LASTING))
                                 if port not in known.values() and is_free(port))
            with whole_or_nothing(file) as partial:
                partial.write_text(json.dumps(known), encoding="utf-8")
    return known[server]


def _known(file: Path) -> dict[str, int]:
    """The ports that were chosen; none where the file is damaged, and they are chosen anew."""
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return {}


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pages_of_mlflow(uri: str) -> str:
    """Where a browser finds MLflow's pages for a tracking URI; for this home's store, as long as `farrier ui` is up."""
    return without_userinfo(uri) if uri.startswith("http") else f"http://127.0.0.1:{lasting_port('mlflow')}"


def without_userinfo(address: str) -> str:
    """An address as it may be shown: without the name and the password that it may carry.

    >>> without_userinfo("http://user:secret@mlflow.example:5000/api")
    'http://mlflow.example:5000/api'
    """
    return re.sub(r"(?<=://)[^/@\s]*@", "", address)


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: what was just closed is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
