"""The platform itself: what it answers to whom."""

import json
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from demo.receiver.faults import Fault
from demo.receiver.http import HOST, HangUp, Request, Server
from demo.receiver.messages import Event, Refused, check_signature, parse_events
from demo.receiver.page import page
from demo.receiver.store import Store

EVENTS_PER_PAGE = 1000


@dataclass
class Counters:
    """What has happened since the start; approximate while requests are running."""

    requests: int = 0
    duplicates: int = 0
    refused: int = 0
    faults: int = 0


class DataPlatform:
    """Receives events at ``url``; a context manager that serves in the background."""

    def __init__(
        self,
        *,
        secret: str,
        path: Path | None = None,
        port: int = 0,
        has_faults: bool = False,
        is_fsynced: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the store at ``path`` (temporary without one) and take the port."""
        self._secret = secret
        self._clock = clock
        self._temporary = None if path else tempfile.TemporaryDirectory()
        folder = Path(self._temporary.name) if self._temporary else Path()
        self.has_faults = has_faults
        self.fault = Fault()
        self.counters = Counters()
        self.store = Store(path or folder / "events.sqlite3", is_fsynced=is_fsynced)
        self._server = Server(port, self)
        self.url = f"http://{HOST}:{self._server.server_address[1]}/events"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.store.close()
        if self._temporary:
            self._temporary.cleanup()

    def serve_forever(self) -> None:
        """Serve in the foreground until interrupted."""
        with self._server:
            self._server.serve_forever()

    def events(self) -> list[Event]:
        """Return all events there are, in the order of arrival."""
        return list(self.store.read())

    def misbehave(
        self,
        mode: str,
        *,
        share: float = 1.0,
        seconds: float = 10.0,
        lasts: float | None = None,
    ) -> None:
        """Set the fault for the posts from now on; see ``Fault``."""
        self.fault = Fault(mode, share, seconds, lasts)

    def stats(self) -> dict[str, Any]:
        """Return the numbers of the page as JSON."""
        return {"events": len(self.store)} | asdict(self.counters)

    def refuse(self) -> None:
        """Count a request that was not even one."""
        self.counters.refused += 1

    def respond(self, request: Request, reset: Callable[[], None]) -> Any:
        """Return the content of the answer, text for a page; raise ``Refused``."""
        match request.method, request.path:
            case "POST", "/" | "/events":
                return self._receive(request, reset)
            case "POST", "/faults" if self.has_faults:
                return self._set_fault(request.body)
            case "GET", "/":
                return page(self.stats(), self.store.recent())
            case "GET", "/stats":
                return self.stats()
            case "GET", "/events":
                return self._events_page(request.number("after", 0))
        if request.path in {"/", "/events", "/stats"}:
            raise Refused(405, "not this method")
        raise Refused(404, "no such page")

    def _receive(self, request: Request, reset: Callable[[], None]) -> Event:
        self.counters.requests += 1
        fault = self.fault
        is_struck = fault.strikes()
        if is_struck:
            self._fail_before(fault, reset)
        try:
            check_signature(
                self._secret, request.headers, request.body, now=self._clock()
            )
            events = parse_events(request.headers.get("content-type", ""), request.body)
        except Refused:
            self.counters.refused += 1
            raise
        fresh = self.store.append(events)
        self.counters.duplicates += len(events) - fresh
        if is_struck:
            self._fail_after(fault)
        return {"accepted": fresh, "duplicates": len(events) - fresh}

    def _fail_before(self, fault: Fault, reset: Callable[[], None]) -> None:
        self.counters.faults += 1
        match fault.mode:
            case "slow":
                time.sleep(fault.seconds)
            case "hang":
                time.sleep(fault.seconds)
                raise HangUp
            case "reset":
                reset()
            case "drop" | "late":
                pass
            case status:
                raise Refused(int(status), "told to")

    def _fail_after(self, fault: Fault) -> None:
        if fault.mode == "late":
            time.sleep(fault.seconds)
        if fault.mode == "drop":
            raise HangUp

    def _set_fault(self, body: bytes) -> dict[str, Any]:
        try:
            wish = json.loads(body)
            self.fault = Fault(
                mode=str(wish["mode"]),
                share=float(wish.get("share", 1.0)),
                seconds=float(wish.get("seconds", 10.0)),
                lasts=float(wish["lasts"]) if "lasts" in wish else None,
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Refused(400, f"not a fault: {error}") from None
        return asdict(self.fault)

    def _events_page(self, after: int) -> dict[str, Any]:
        events = list(self.store.read(after=after, limit=EVENTS_PER_PAGE))
        return {"events": events, "next": after + len(events)}
