"""Puts the page together, and says what a browser may run of it: nothing but this."""

import base64
import hashlib
from importlib.resources import files

from runtime.gateway.operate.request import Response

__all__ = ["build_page"]

_SCRIPTS = ("words.js", "chart.js", "list.js", "dialogs.js", "page.js")
"""In this order; they share one scope."""


def build_page() -> Response:
    """Returns the page with its style and script inside.

    Its policy names their hashes: whatever a name of a stream may contain, no other script runs,
    and nothing is asked of another server.
    """
    folder = files("runtime.gateway.operate.page")
    html, style, *scripts = (
        folder.joinpath(name).read_text(encoding="utf-8")
        for name in ("page.html", "page.css", *_SCRIPTS)
    )
    script = "\n".join(scripts)
    whole = html.replace("{{style}}", style).replace("{{script}}", script)
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return Response(
        body=whole.encode(),
        type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-cache"},
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
