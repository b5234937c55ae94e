"""Which pages the book has, and a server for a folder of them."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
MADE = ["404", "genindex", "py-modindex", "search"]  # pages without a source


def listed() -> list[str]:
    """Names of the pages in _toc.yml: ``book/intro``, ``notebooks/2_mechanism/04_softmax``."""

    def files(toc) -> Iterator[str]:
        if isinstance(toc, dict):
            yield from (toc[key] for key in ("root", "file") if key in toc)
        for item in toc.values() if isinstance(toc, dict) else toc if isinstance(toc, list) else []:
            yield from files(item)

    return list(files(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))))


LISTED = listed()
PAGES = LISTED + MADE


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, silently, with its 404 page."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args) -> None:
        pass

    def send_error(self, code, message=None, explain=None) -> None:
        page = Path(self.directory, "404.html")
        if code != 404 or not page.exists():
            return super().send_error(code, message, explain)
        body = page.read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(folder: Path) -> Iterator[str]:
    """The address of a server for this folder, as long as the generator lives."""
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
