"""What deploying needs: a Prefect server that answers. Without one Prefect would start a temporary server of its own."""

from __future__ import annotations

import sys
import time
from typing import Final

from flows.steps.prefect_api import PrefectAway, api_url, call

_PATIENCE_S: Final = 60.0


def need_server() -> None:
    """Wait until the server answers. Raises: SystemExit(2) without an address, SystemExit(1) when nobody answers there."""
    url = api_url()
    if url is None:
        print("Chưa đặt PREFECT_API_URL; hãy trỏ nó đến máy chủ Prefect, ví dụ http://127.0.0.1:4200/api.", file=sys.stderr)
        raise SystemExit(2)
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            call(url, "/health")
            return
        except PrefectAway as problem:
            if time.monotonic() > until:
                print(f"Máy chủ Prefect ở {url} chưa dùng được ({problem}); hãy khởi động nó rồi chạy lại.", file=sys.stderr)
                raise SystemExit(1) from None
            time.sleep(1)
