"""The documentation leads somewhere, names what exists, and says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.config.environment import Settings
from docs.generate import generated, pages

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *pages()]
NAMED_TEST = re.compile(r"`(test_\w+)`")
REFERENCE = ROOT / "docs" / "reference"
EXPLANATION = ROOT / "docs" / "explanation"


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(page: Path) -> str:
    """A page without its code: neither fenced nor indented blocks, nor what is in backticks."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^    .*$", "", text, flags=re.MULTILINE)
    return re.sub(r"`[^`\n]*`", lambda found: found[0].strip("`").replace("[", ""), text)


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get on GitHub."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), f"{link}: no such file"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


@pytest.mark.parametrize("page", pages(), ids=name)
def test_what_is_generated_is_current(page):
    assert page.read_text() == generated(page.read_text()), "run `make docs`"


def test_the_tables_of_metrics_events_and_commands_are_generated():
    assert (
        "| `bridge_deliveries_total` | counter | `source`, `sender`, `code` |"
        in (REFERENCE / "telemetry.md").read_text()
    )
    assert "| `config_rejected` | error |" in (REFERENCE / "telemetry.md").read_text()
    assert "| `--config FILE` | required |" in (REFERENCE / "command-line.md").read_text()


def test_every_test_that_is_named_exists():
    defined = {found for path in (ROOT / "tests").rglob("*.py") for found in re.findall(r"def (\w+)", path.read_text())}
    named = {found for page in pages() for found in NAMED_TEST.findall(page.read_text())}
    assert len(named) > 20
    assert sorted(named - defined) == []


def test_every_promise_names_a_test_that_proves_it():
    _, *promises = re.split(r"^## \d\. ", (EXPLANATION / "promises.md").read_text(), flags=re.MULTILINE)
    assert len(promises) == 9
    assert [each.partition("\n")[0] for each in promises if not NAMED_TEST.search(each)] == []


def test_every_environment_variable_is_in_the_reference():
    page = (REFERENCE / "command-line.md").read_text()
    own = [field for field in Settings.__struct_fields__ if field != "network"]  # those that libraries know: a how-to
    assert [field for field in own if f"| `{field.upper()}` |" not in page] == []


def test_every_error_is_in_the_reference():
    code = "\n".join(path.read_text() for path in (ROOT / "bridge" / "web").glob("*.py"))
    raised = set(re.findall(r'HTTPError\((\d+), "(\w+)"', code))
    assert ("503", "store_unavailable") in raised
    page = (REFERENCE / "http.md").read_text()
    assert [error for error in sorted(raised) if f"| {error[0]} | `{error[1]}` |" not in page] == []


def test_every_path_is_in_the_reference():
    paths = re.findall(r'Route\("(/[^"]*)"', (ROOT / "bridge" / "web" / "app.py").read_text())
    assert "/readyz" in paths
    page = (REFERENCE / "http.md").read_text()
    assert [path for path in paths if f"`GET {path}`" not in page and f"`POST {path}`" not in page] == []
