"""Documents say what is so: links lead somewhere, paths and verbs exist, decisions are listed, pictures are
small.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from installation import commands as installation

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PICTURE_BYTES = 250_000
FOLDERS = ("firmware/", "gateway/", "server/", "simulator/", "hardware/", "tests/", "docs/", "requirements/")


def ids(page: Path) -> str:
    return str(page.relative_to(ROOT))


def fences(text: str, language: str) -> list[str]:
    """The contents of fenced blocks of a language."""
    return [
        block
        for name, block in re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.M | re.S)
        if name == language
    ]


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(text), re.M):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        aim = (page.parent / path).resolve() if path else page
        assert aim.exists(), target
        if anchor:
            assert anchor in anchors(aim.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_path_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"`([\w./-]+)`", prose(text)):
        if path.startswith(FOLDERS):
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_verb_of_the_script_exists(page: Path) -> None:
    script = (ROOT / "loquet").read_text(encoding="utf-8")
    cases = re.findall(r"^    ([a-z][a-z |-]*)\)", script, re.M)
    verbs = {verb for case in cases for verb in case.split(" | ")}
    assert {"demo", "test", "server", "gateway"} <= verbs
    text = page.read_text(encoding="utf-8")
    for verb in re.findall(r"\./loquet ([a-z][a-z-]*)", text):
        assert verb in verbs, verb


@pytest.mark.parametrize("program", ["server", "gateway", "simulator"])
def test_every_verb_and_option_of_a_program_exists(program: str) -> None:
    named = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        starts = rf"(?:python -m {program}|loquet {program})"
        named |= set(re.findall(rf"{starts} ([a-z][a-z-]*(?:\|[a-z-]+)*)", text))
    verbs = {verb for words in named for verb in words.split("|")}
    script = (ROOT / "loquet").read_text(encoding="utf-8")
    for verb in sorted(verbs):
        # Some verbs of a subject are the installation's, as the script sends them.
        inner = re.search(
            rf"^ +(?:[a-z]+ \| )*{verb}(?: \| [a-z]+)*\).* installation {program} ", script, re.M
        )
        if inner:
            with pytest.raises(SystemExit) as ended:
                installation.parser().parse_args([program, verb, "--help"])
            assert ended.value.code == 0, f"{program} {verb}"
            continue
        words = [sys.executable, "-m", program, verb, "--help"]
        asked = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
        assert asked.returncode == 0, f"{program} {verb}: {asked.stderr}"


def test_every_option_of_the_demo_exists() -> None:
    words = [sys.executable, "-m", "simulator", "demo", "--help"]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for page in PAGES:
        for line in re.findall(r"\./loquet demo[^`\n]*", page.read_text(encoding="utf-8")):
            for option in re.findall(r"--[a-z-]+", line):
                assert option in said, f"{ids(page)}: {option}"


def test_every_decision_is_listed_under_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = dict(
        re.findall(r"^\| \[\d+\]\(([\w.-]+)\) \| (.+) \|$", (folder / "README.md").read_text("utf-8"), re.M)
    )
    for page in sorted(folder.glob("0*.md")):
        number, title = re.findall(r"\A# (\d+)\. (.+)", page.read_text(encoding="utf-8"))[0]
        assert page.name.startswith(f"{int(number):04}-")
        assert title.startswith(listed[page.name]), page.name
    assert len(listed) == len(list(folder.glob("0*.md")))


def test_pictures_are_small_and_those_of_the_readme_are_there() -> None:
    pictures = sorted((ROOT / "docs" / "screenshots").glob("*.png"))
    assert pictures
    assert [p.name for p in pictures if p.stat().st_size > PICTURE_BYTES] == []


def test_the_project_speaks_of_itself_alone() -> None:
    for page in PAGES:
        assert not re.search(r"(?<![\w/.])/(?:work|root)/", page.read_text(encoding="utf-8")), page
