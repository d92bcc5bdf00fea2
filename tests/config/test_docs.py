"""What the documents say of the code."""

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT: Path = settings.BASE_DIR
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
FENCED = re.compile(r"```.*?```", re.DOTALL)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def without_code(document: Path) -> str:
    return FENCED.sub("", document.read_text())


def anchors(document: Path) -> set[str]:
    """Return the names that the document's headings can be linked by."""
    titles = HEADING.findall(without_code(document))
    plain = [re.sub(r"[^\w\- ]", "", title.lower()) for title in titles]
    return {title.replace(" ", "-") for title in plain}


@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS]
)
def test_links_lead_somewhere(document: Path) -> None:
    links = [
        inline or picture for inline, picture in LINK.findall(without_code(document))
    ]
    broken = []
    for link in links:
        address, _, anchor = link.partition("#")
        target = document.parent / address if address else document
        is_elsewhere = re.match(r"[a-z]+:", link)
        if not is_elsewhere and (
            not target.exists() or (anchor and anchor not in anchors(target))
        ):
            broken.append(link)

    assert broken == []


def test_events_table_names_each_topic_and_no_other() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    table = text.partition("| topic | written by |")[2].partition("\n\n")[0]
    first_cells = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
    topics = re.findall(r"`([\w.]+)`", " ".join(first_cells))

    assert sorted(topics) == sorted(settings.OUTBOX_SUBSCRIPTIONS)


def test_each_dependency_has_a_reason() -> None:
    reasons = (ROOT / "docs/dependencies.md").read_text().lower().replace(" ", "")
    for name in ("requirements.txt", "requirements-test.txt", "requirements-dev.txt"):
        own = (ROOT / name).read_text().partition("What these need")[0]
        packages = re.findall(r"^([a-z][\w-]*)==", own, re.MULTILINE)

        missing = [package for package in packages if package not in reasons]
        assert missing == []


def test_decisions_are_numbered_without_gaps_and_in_their_index() -> None:
    found = [
        (path.name, path.read_text().splitlines()[0].removeprefix("# "))
        for path in sorted(ROOT.glob("docs/adr/0*.md"))
    ]
    index = (ROOT / "docs/adr/README.md").read_text()
    listed = re.findall(r"^(\d+\.) \[(.*)\]\((.*)\)$", index, re.MULTILINE)

    assert [int(name[:4]) for name, _ in found] == list(range(1, len(found) + 1))
    assert [(name, f"{number} {title}") for number, title, name in listed] == found
