"""Bodies with files: as much of them as the shop has a use for, and no more."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

# Five photos of five megabytes each, and the fields around them.
MAX_BYTES = 26 * 1024 * 1024


class LimitedUploadHandler(FileUploadHandler):
    """Ends a request whose files are too large, before they fill memory or disk.

    It has to be the first one; those after it keep the files.
    """

    def handle_raw_input(
        self,
        input_data: Any,  # noqa: ARG002 — Django's signature
        META: dict[str, str],  # noqa: ARG002, N803
        content_length: int,
        boundary: str,  # noqa: ARG002
        encoding: str | None = None,  # noqa: ARG002
    ) -> None:
        """Believe a client that says its body is too large."""
        self._received = 0
        if content_length > MAX_BYTES:
            raise RequestDataTooBig

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:  # noqa: ARG002
        """Count what comes, whatever was said before."""
        self._received += len(raw_data)
        if self._received > MAX_BYTES:
            raise RequestDataTooBig
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the handlers that follow."""
