"""A small frontend on an origin of its own: the files of a page, served on loopback."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.docs.pages import blocks


def documented_module(identity_api: str, *, frontend: str = "app") -> str:
    """The module of docs/frontends.md, for this door of the API and this frontend's slug."""
    [module] = [block for block in blocks("docs/frontends.md", "js") if "export async function signIn" in block]
    assert 'ID = "https://login.acme.example"' in module
    assert 'FRONTEND = "app"' in module
    module = module.replace("https://login.acme.example", identity_api)
    return module.replace('FRONTEND = "app"', f'FRONTEND = "{frontend}"')


@contextmanager
def serving(files: Mapping[str, str], *, certificate: str | None = None) -> Iterator[int]:
    """Serve texts by path until the end; the port. `certificate` is a file with certificate and key, for TLS."""

    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            found = files.get(path)
            self.send_response(404 if found is None else 200)
            self.send_header("content-type", "text/javascript" if path.endswith(".js") else "text/html")
            self.end_headers()
            self.wfile.write((found or "").encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: addresses hold codes."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake belongs into the connection's own thread, or one that is opened and not used stops all others.
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
