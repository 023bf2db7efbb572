"""`python -m deployments.deploy --pool NAME`: deploy to a work pool, for workers on as many machines as one likes.

A worker is `prefect worker start --pool NAME` beside a checkout of the same version, with the same CCHC_DATABASE_URL.
"""

from __future__ import annotations

import argparse

from deployments.apply import apply
from deployments.needs import need_server


def main() -> None:
    """Deploy and say what was deployed."""
    parser = argparse.ArgumentParser(
        prog="python -m deployments.deploy", description="Đưa các việc lên một work pool của Prefect."
    )
    parser.add_argument("--pool", required=True, metavar="TÊN", help="Tên work pool; chưa có thì tạo, kiểu process.")
    asked = parser.parse_args()
    need_server()
    for name in apply(asked.pool):
        print(f"Đã đưa lên «{asked.pool}»: {name}")


if __name__ == "__main__":
    main()
