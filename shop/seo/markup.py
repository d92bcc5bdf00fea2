"""XML whose elements are closed by leaving a block."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from xml.sax.xmlreader import AttributesImpl  # writes only: nothing is parsed

from django.utils.xmlutils import SimplerXMLGenerator


class Xml(SimplerXMLGenerator):
    """Writes a document, which begins at once."""

    def __init__(self, out: Any) -> None:
        super().__init__(out, "utf-8")
        self.startDocument()

    @contextmanager
    def element(
        self, name: str, attributes: Mapping[str, str] | None = None
    ) -> Iterator[None]:
        """Open an element, and close it after what is written inside the block."""
        self.startElement(name, AttributesImpl(dict(attributes or {})))
        yield
        self.endElement(name)

    def fact(self, name: str, text: str) -> None:
        """Write an element that holds a text."""
        self.addQuickElement(name, text)
