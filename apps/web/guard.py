"""What every answer carries and every request must satisfy: no foreign page may frame, read or steer this one."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import Any, Final

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
#: Names beside this machine's own under which a proxy may ask for the page, separated by commas.
VARIABLE: Final = "CCHC_WEB_HOSTS"


class Guard:
    """ASGI: GET and HEAD only, known hosts only (a name of a stranger that points here is refused), headers on every answer."""

    def __init__(self, app: Any) -> None:
        self._app = app
        given = os.environ.get(VARIABLE, "").split(",")
        self._names = {"localhost", socket.gethostname().lower(), *(name.strip().lower() for name in given if name.strip())}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        app, status = self._app, 0
        if scope["method"] not in ("GET", "HEAD"):
            status = 405
        elif not self._known(dict(scope["headers"]).get(b"host", b"").decode("latin-1")):
            status = 400

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *((k.lower().encode(), v.encode()) for k, v in HEADERS.items())]
            await send(message)

        if status:
            text = {405: "Chỉ xem được, không gửi được.\n", 400: "Tên máy lạ.\n"}[status].encode()
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
            await sent({"type": "http.response.start", "status": status, "headers": headers})
            return await send({"type": "http.response.body", "body": text})
        await app(scope, receive, sent)

    def _known(self, host: str) -> bool:
        """Whether a Host header names this machine: an address, or a name of ours. Rebinding needs a name of a stranger."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
        name = name.strip("[]").lower()
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self._names
        return True
