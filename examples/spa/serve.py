"""A single-page application of another origin, or (`--delivery cookie`) of the same site, beside `make run`.

    python3 examples/spa/serve.py                      http://localhost:8005, the frontend `spa` of the demo tenant
    python3 examples/spa/serve.py --delivery cookie    http://127.0.0.1:8006, the frontend `same-site`

Needs Python alone. Three files and the client are served as they are.
"""

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).parent
CLIENT = HERE.parents[1] / "clients" / "typescript" / "src" / "identity.js"
PLACES = {"code": ("localhost", 8005, "spa"), "cookie": ("127.0.0.1", 8006, "same-site")}


def files_of(url: str, frontend: str, delivery: str) -> dict[str, tuple[str, str]]:
    """Media type and text by path."""
    settings = json.dumps({"url": url, "frontend": frontend, "delivery": delivery})
    return {
        "/": ("text/html", (HERE / "index.html").read_text("utf-8")),
        "/app.js": ("text/javascript", (HERE / "app.js").read_text("utf-8")),
        "/identity.js": ("text/javascript", CLIENT.read_text("utf-8")),
        "/settings.js": ("text/javascript", f"export const settings = {settings};"),
    }


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--identity", default="http://127.0.0.1:8000", help="the tenant's address")
    parser.add_argument("--delivery", choices=sorted(PLACES), default="code")
    asked = parser.parse_args()
    host, port, frontend = PLACES[asked.delivery]
    files = files_of(asked.identity, frontend, asked.delivery)

    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, text = files.get(urlsplit(self.path).path, ("", ""))
            self.send_response(200 if kind else 404)
            self.send_header("content-type", f"{kind or 'text/plain'}; charset=utf-8")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: addresses hold codes."""

    with ThreadingHTTPServer(("127.0.0.1", port), Files) as server:
        print(f"http://{host}:{port}/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print()
