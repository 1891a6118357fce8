"""Promise: a proxy that the environment names sees nothing private, and never the token."""

import contextlib
import ipaddress
import re
import select
import socket
import socketserver
import threading

import pytest
import tables
from harness import ROOT, StandIn, Winnowd, improved
from test_token import holds

FAR = "elsewhere.example"  # the name in the certificate of a stand-in of the kind "wrong_name"
HASTE = {"RES_OPTIONS": "timeout:1 attempts:1"}  # where name servers are configured that do not answer


def copy(one, other):
    """Copies until one of both has nothing more to say."""
    while True:
        for end in select.select([one, other], [], [])[0]:
            content = end.recv(65536)
            if not content:
                return
            (other if end is one else one).sendall(content)


@contextlib.contextmanager
def serving(port=None):
    """A proxy that keeps each request as it came. It tunnels to `port` here, and answers all else with 204."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = self.rfile.readline()
                if not line:
                    return
                head += line
            self.server.heard.append(head)
            if head.startswith(b"CONNECT ") and port:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                with socket.create_connection(("127.0.0.1", port)) as there, contextlib.suppress(OSError):
                    copy(self.connection, there)
            else:
                self.wfile.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        server.heard = []
        server.variables = {
            name: f"http://127.0.0.1:{server.server_address[1]}"
            for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
        }
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def proxy():
    with serving() as server:
        yield server


@pytest.fixture
def far(project, tmp_path, the_binary_is_there):
    """A daemon whose forge has a name that only a proxy can find."""
    forge = StandIn(project, "1.25", tls="wrong_name")
    winnowd = Winnowd(tmp_path, forge)
    winnowd.configure(forge={"url": f"https://{FAR}:{forge.gitea.port}"})
    winnowd.environment.update(HASTE)
    yield winnowd
    winnowd.check_promises()
    forge.stop()


def test_the_page_says_what_goes_past_it():
    code = tables.source("common/http-proxy.c")
    page = (ROOT / "daemon/winnowd.8.scd").read_text(encoding="utf-8").split("*http_proxy*")[1].split("\n# ")[0]
    domains = re.search(r"private_domains\[\] = \{(.*?)\};", code, re.DOTALL)[1]
    networks = re.search(r"private_networks\[\] = \{(.*?)\n\};", code, re.DOTALL)[1]
    assert set(re.findall(r"_\.([a-z.]+)_", page)) == set(re.findall(r'"(.*?)"', domains))
    told = {ipaddress.ip_network(network) for network in re.findall(r"\d+\.\d+\.\d+\.\d+/\d+", page)}
    found = {ipaddress.ip_network((int(first, 16), int(bits))) for first, bits in re.findall(r"\{(0x\w+), (\d+)\}", networks)}
    assert told == found - {ipaddress.ip_network("0.0.0.0/8")}


def test_a_forge_on_loopback_is_asked_directly(gitea_winnowd, gitea, project, proxy):
    gitea_winnowd.environment.update(proxy.variables)
    for number, host in enumerate(["127.0.0.1", "localhost"], 1):
        gitea_winnowd.configure(forge={"url": f"http://{host}:{gitea.port}"})
        gitea_winnowd.drop(improved(project, f"exp-{number}", 0.9 - number / 10))
        assert gitea_winnowd.once().decisions() == {f"exp-{number}": "promoted"}
    assert proxy.heard == []


def test_a_tunnel_to_a_forge_elsewhere_shows_no_token(far, project):
    """Both libcurl and git go through it, and promote."""
    with serving(far.forge.gitea.port) as proxy:
        far.environment.update(proxy.variables)
        far.drop(improved(project))
        assert far.once().decisions() == {"exp-1": "promoted"}
        agents = {line for head in proxy.heard for line in head.split(b"\r\n") if line.startswith(b"User-Agent")}
        assert any(b"winnowd/" in agent for agent in agents) and any(b"git/" in agent for agent in agents)
        assert all(head.startswith(b"CONNECT " + FAR.encode()) for head in proxy.heard)
        assert not any(holds(head, far.forge.token) or b"uthorization" in head for head in proxy.heard)


@pytest.mark.parametrize("how", ["NO_PROXY", "no_proxy", "with a port", "plain http"])
def test_a_forge_elsewhere_is_asked_directly(far, how):
    """Nobody has that name, so that nothing is reached; but the proxy would have been."""
    with serving(far.forge.gitea.port) as proxy:
        far.environment.update(proxy.variables)
        if how == "plain http":
            far.configure(forge={"url": f"http://{FAR}:{far.forge.gitea.port}"})
        elif how == "with a port":
            far.environment["NO_PROXY"] = f"other.example,*.{FAR.split('.')[1]}:{far.forge.gitea.port}"
        else:
            far.environment[how] = f"other.example,.{FAR.split('.')[1]}"
        far.write_configuration()
        status, text, log = far.run("--check-config")
        assert status == 69 and "could not be resolved" in text + log.text
        assert proxy.heard == []


@pytest.mark.parametrize("url, heard", [("http://ollama.example/api/version", 1), ("http://127.0.0.1:9/", 0), ("http://no-such-neighbour/", 0)])
def test_what_tests_require_is_asked_as_anything_else(winnowd, project, proxy, url, heard):
    """Without a secret, plain http may go through it, too."""
    winnowd.environment.update(proxy.variables | HASTE)
    winnowd.configure(validation={"requires": [url]})
    log = winnowd.start()
    winnowd.drop(improved(project))
    if heard:
        log.wait(experiment="exp-1", decision="promoted")
        assert proxy.heard[0].startswith(f"GET {url} ".encode())
    else:
        log.wait(experiment="exp-1", step="validate", msg=lambda text: text.startswith("step could not be done now"))
        winnowd.unfinished = True
    assert len(proxy.heard) == heard
