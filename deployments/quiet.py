"""A web server that sleeps: uvicorn looks ten times a second whether it should stop; twice is soon enough."""

from __future__ import annotations

import asyncio
import signal

import uvicorn

_LOOK_S = 0.5


class QuietServer(uvicorn.Server):
    """Idle, the status page takes a twentieth of a percent of a core. Stopped by SIGTERM or SIGINT, after which `run` returns."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # of the numbers it counts, 0 is one that renews what is sent with every answer
            await asyncio.sleep(_LOOK_S)

    def serve_until_stopped(self) -> None:
        """Run. The signal that stopped it is sent once more when it has stopped; by then it has been heard."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self.run()
