"""A platform to talk to."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

from demo.receiver import DataPlatform
from tests.demo.wire import SECRET, deliver

Send = Callable[..., urllib3.BaseHTTPResponse]


@pytest.fixture
def platform() -> Iterator[DataPlatform]:
    with DataPlatform(secret=SECRET, has_faults=True) as running:
        yield running


@pytest.fixture
def send(platform: DataPlatform) -> Send:
    """Post events to the platform, signed by somebody else's implementation."""

    def post(*events: dict[str, Any], **headers: str) -> urllib3.BaseHTTPResponse:
        return deliver(platform.url, *events, **headers)

    return post
