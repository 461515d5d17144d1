"""Results go between the markers of their section, and nowhere else."""

from pathlib import Path

import pytest

from bench.report import SectionMissing, replace_section

DOCUMENT = """# Benchmarks
<!-- http: begin -->
old figures
<!-- http: end -->
## Gateway
<!-- gateway: begin -->
<!-- gateway: end -->
"""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "benchmarks.md"
    path.write_text(DOCUMENT)
    return path


def test_only_the_section_is_replaced(document: Path) -> None:
    replace_section(document, "http", "\n| verify | 1,000 |\n")

    assert document.read_text() == DOCUMENT.replace("old figures", "| verify | 1,000 |")


def test_text_is_taken_as_it_is(document: Path) -> None:
    replace_section(document, "http", r"a \1 \g<0> \n in it")

    assert "\na \\1 \\g<0> \\n in it\n" in document.read_text()


def test_an_empty_section_is_filled(document: Path) -> None:
    replace_section(document, "gateway", "new")

    assert document.read_text().endswith("<!-- gateway: begin -->\nnew\n<!-- gateway: end -->\n")


@pytest.mark.parametrize(
    "broken",
    [
        "no markers",
        "<!-- http: begin --> without an end",
        "<!-- http: end -->\n<!-- http: begin -->",
        DOCUMENT + DOCUMENT,
    ],
)
def test_without_exactly_one_section_the_error_names_the_markers(document: Path, broken: str) -> None:
    document.write_text(broken)

    with pytest.raises(SectionMissing, match="must have one line <!-- http: begin -->"):
        replace_section(document, "http", "new")

    assert document.read_text() == broken
