"""The data platform's page for people: how much came in, and what came last."""

from collections.abc import Sequence
from html import escape
from typing import Any

STYLE = """
  :root { color-scheme: light dark }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto;
    padding: 0 1rem }
  h1 { font-size: 1.5rem }
  dl { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 0 }
  dt { font-size: .875rem; opacity: .75 }
  dd { margin: 0; font-size: 1.5rem; font-variant-numeric: tabular-nums }
  table { border-collapse: collapse; width: 100%; margin-top: 1.5rem }
  caption { text-align: start; font-weight: 600; padding: .5rem 0 }
  th, td { text-align: start; padding: .4rem .75rem .4rem 0;
    border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent) }
  .number { text-align: end; font-variant-numeric: tabular-nums }
"""
LABELS = {
    "events": "Events kept",
    "requests": "Requests",
    "duplicates": "Repetitions",
    "refused": "Refused",
    "faults": "Faults played",
}
COLUMNS = ("Time", "Event", "Order", "Units", "Total")


def page(stats: dict[str, Any], recent: Sequence[dict[str, Any]]) -> str:
    """Return the page; ``recent`` are events, oldest first."""
    numbers = "".join(
        f"<div><dt>{LABELS.get(name, escape(name))}</dt><dd>{value:,}</dd></div>"
        for name, value in stats.items()
    )
    head = "".join(f'<th scope="col">{column}</th>' for column in COLUMNS)
    rows = "".join(_row(event) for event in reversed(recent))
    empty = '<tr><td colspan="5">Nothing has arrived yet.</td></tr>'
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="5">
<title>Data platform</title>
<style>{STYLE}</style>
<h1>Data platform</h1>
<p>What the shop has sent. A stand-in for the real one; it lives outside the shop.</p>
<dl>{numbers}</dl>
<table><caption>The last orders</caption><thead><tr>{head}</tr></thead>
<tbody>{rows or empty}</tbody></table>
</html>
"""


def _row(event: dict[str, Any]) -> str:
    data = event.get("data")
    order = data if isinstance(data, dict) else {}
    lines = order.get("lines")
    units = sum(
        line["quantity"]
        for line in (lines if isinstance(lines, list) else [])
        if isinstance(line, dict) and isinstance(line.get("quantity"), int)
    )
    total = order.get("total")
    amount = f"{total:,} " if isinstance(total, int) else ""
    cells = (
        str(event.get("time", ""))[:19].replace("T", " "),
        str(event["type"]),
        str(order.get("number", event.get("subject", ""))),
    )
    texts = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    currency = escape(str(order.get("currency", "")))
    return (
        f'<tr>{texts}<td class="number">{units}</td>'
        f'<td class="number">{amount}{currency}</td></tr>'
    )
