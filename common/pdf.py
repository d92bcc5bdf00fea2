"""Our own print-ready HTML as PDF. Nothing is fetched while it is drawn.

The HTML is ours, its texts are people's: templates escape them. One document is drawn
at a time in a process, and nobody waits for their turn or for their document for long.
Importing what draws takes half a second, so only who draws does.
"""
# ruff: noqa: PLC0415

from functools import cache
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from common.errors import Unavailable

if TYPE_CHECKING:
    from xhtml2pdf.config.resources import ResourceAccessPolicy

# The one family of all documents: it has Latin, Cyrillic and Hangul.
FAMILY = "Pretendard"
FONTS = settings.BASE_DIR / "static" / "vendor" / "pretendard"
LONGEST_TURN = 5.0  # seconds until it is one's turn
LONGEST_RENDER = 8.0  # seconds
_turn = Lock()


class PrinterBusy(Unavailable):
    """Too many documents are being drawn, or one is too long."""

    code = "printer_busy"

    def __init__(self) -> None:
        super().__init__(_("The document is not ready. Please try again in a moment."))


def pdf_of(html: str) -> bytes:
    """Draw a document; raise ``PrinterBusy`` rather than take long."""
    from xhtml2pdf import pisa
    from xhtml2pdf.config.resources import RenderLimitError

    if not _turn.acquire(timeout=LONGEST_TURN):
        raise PrinterBusy
    try:
        _load_fonts()
        drawn = BytesIO()
        pisa.CreatePDF(
            html, dest=drawn, link_callback=_refuse, resource_policy=_nothing_else()
        )
    except RenderLimitError:
        raise PrinterBusy from None
    finally:
        _turn.release()
    return drawn.getvalue()


@cache
def _load_fonts() -> None:
    from reportlab.lib.fonts import addMapping
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from xhtml2pdf import default

    # Once per process: reading them takes longer than drawing a document.
    for weight, is_bold in (("Regular", 0), ("Bold", 1)):
        name = f"{FAMILY}-{weight}"
        pdfmetrics.registerFont(TTFont(name, FONTS / f"{name}.ttf"))
        for is_italic in (0, 1):
            addMapping(FAMILY, is_bold, is_italic, name)
    default.DEFAULT_FONT[FAMILY.lower()] = FAMILY


@cache
def _nothing_else() -> "ResourceAccessPolicy":
    from xhtml2pdf.config.resources import ResourceAccessPolicy

    return ResourceAccessPolicy.server(
        base_dir=None, allow_remote=False, max_render_seconds=LONGEST_RENDER
    )


def _refuse(uri: str, _relative_to: str | None) -> str:
    raise ValueError(f"A document must not ask for {uri[:100]!r}.")
