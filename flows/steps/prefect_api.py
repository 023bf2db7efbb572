"""Prefect's REST API by plain HTTP: to tell it of events and to ask what it has, without the 2.5 s of importing Prefect.

Nothing here decides anything. Without `PREFECT_API_URL` there is no Prefect: none is ever started from here.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import urllib.error
import urllib.request
from typing import Any, Final
from urllib.parse import urlsplit

#: Seconds without an answer after which the server counts as away.
PATIENCE_S: Final = 10.0
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class PrefectAway(Exception):
    """The server did not answer or did not take what it was given; the text says so in Vietnamese and holds no secret."""


def api_url() -> str | None:
    """Return the address of Prefect's API without a slash at the end, None when no server is configured."""
    return os.environ.get("PREFECT_API_URL", "").strip().rstrip("/") or None


def call(url: str, path: str, body: Any = None, *, timeout: float = PATIENCE_S) -> Any:
    """Ask the API at `url` (GET without a body, else POST); returns the JSON of the answer, None for an empty one.

    Raises: PrefectAway.
    """
    given = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}{path}", data=given, headers=_headers())
    try:
        with _opener(url).open(request, timeout=timeout) as answer:
            text = answer.read()
            return json.loads(text) if text else None
    except urllib.error.HTTPError as problem:
        with problem:
            raise PrefectAway(f"HTTP {problem.code}") from None
    except (OSError, http.client.HTTPException):
        raise PrefectAway("không kết nối được") from None
    except ValueError:  # an address that is none, or an answer that is no JSON
        raise PrefectAway("trả lời không đọc được; kiểm tra địa chỉ") from None


def _opener(url: str) -> urllib.request.OpenerDirector:
    """A server on this machine is asked directly, whatever proxy the rest of the world is reached by."""
    if urlsplit(url).hostname in _LOOPBACK:
        return urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener()


def _headers() -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("PREFECT_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    elif word := os.environ.get("PREFECT_API_AUTH_STRING"):
        headers["Authorization"] = f"Basic {base64.b64encode(word.encode()).decode()}"
    return headers
