"""The documentation says nothing that the repository does not hold: links, images, names, commands, addresses."""

import re
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

ROOT = Path(settings.BASE_DIR)
ROOMS = [
    *["core", "accounts", "territories", "calls", "applications"],
    *["budget", "jury", "conventions", "demonstration", "config"],
]
DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")], key=lambda path: path.as_posix()
)
# What a document may name: this machine, and names that the standards keep for examples.
HOSTS = re.compile(r"(127\.0\.0\.1|localhost|([\w-]+\.)*example(\.(org|com|net))?|[\w.-]+\.(invalid|test))(:\d+)?")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
NAMED = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


@cache
def code() -> str:
    """All Python of the rooms, the tests apart."""
    files = chain.from_iterable((ROOT / room).rglob("*.py") for room in ROOMS)
    return "\n".join(path.read_text() for path in files)


@cache
def names_of_tests() -> frozenset[str]:
    files = (ROOT / "tests").rglob("*.py")
    return frozenset(name for path in files for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M))


def slug(heading: str) -> str:
    """The anchor that a heading receives where the repository is read."""
    kept = re.sub(r"[^\w\s-]", "", heading.replace("`", "").strip().lower())
    return re.sub(r"\s", "-", kept)


def anchors(text: str) -> set[str]:
    return {slug(found) for found in re.findall(r"^#+ (.+)$", text, re.M)}


def missing_links(name: str, text: str) -> list[str]:
    """Relative links and images that lead nowhere."""
    missing = []
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        found = target.exists() and target.resolve().is_relative_to(ROOT.resolve())
        if found and anchor and target.suffix == ".md":
            found = anchor in anchors(target.read_text())
        missing += [] if found else [link]
    return missing


def strange_hosts(text: str) -> list[str]:
    hosts = re.findall(r"\b[a-z][a-z+]*://([^/\s)`»>\"']*)", text)
    return [host for host in hosts if HOSTS.fullmatch(host.rpartition("@")[2]) is None]


@cache
def variables() -> frozenset[str]:
    """Names of the environment that something of the repository reads."""
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    files = [*tests, *(ROOT / "scripts").iterdir(), *(ROOT / "deploy").glob("*.template")]
    text = code() + "".join(path.read_text() for path in [*files, ROOT / "docker-compose.yml"])
    notices = {f"GUICHET_{name.upper()}" for name in settings.PUBLIC_NOTICE}
    return frozenset(re.findall(r"\b(?:GUICHET_\w+|\w+_URL)\b", text)) | notices


def exists(word: str) -> bool:
    """Whether what a document writes as code is there; words of no known shape are not judged."""
    if re.fullmatch(r"[\w.-]+(/[\w.-]+)+/?|[\w-]+/", word):
        is_ours = word.split("/")[0] in {*ROOMS, "docs", "tests", "templates", "static", "scripts", "deploy"}
        # Files of the operator's environment are made on the spot and never committed.
        return not is_ours or word.endswith(".env") or (ROOT / word).exists()
    if re.fullmatch(r"test_\w+", word):
        return word in names_of_tests()
    if re.fullmatch(r"GUICHET_\w+|\w+_URL", word):
        return word in variables()
    return True


@pytest.mark.parametrize("name", NAMED)
def test_link_or_image_leads_somewhere(name):
    assert missing_links(name, text_of(name)) == []


@pytest.mark.parametrize("name", NAMED)
def test_document_names_no_strange_host(name):
    assert strange_hosts(text_of(name)) == []


@pytest.mark.parametrize("name", NAMED)
def test_commands_named_in_a_document_exist(name):
    text = text_of(name)
    known = set(get_commands())
    named = set(re.findall(r"manage\.py ([a-z]\w*)", text))
    targets = set(re.findall(r"^([a-z][\w-]*):", text_of("Makefile"), re.M))
    made = set(re.findall(r"`(?:[A-Z_]+=\S+ )*make ([a-z][\w-]*)", text)) | set(
        re.findall(r"^ *(?:[A-Z_]+=\S+ )*make ([a-z][\w-]*)", text, re.M)
    )
    assert named - known == set()
    assert made - targets == set()


@pytest.mark.parametrize("name", NAMED)
def test_code_named_in_a_document_exists(name):
    """Paths of this repository, tests, settings of the environment and commands, where they are written as code."""
    assert [word for word in CODE.findall(text_of(name)) if not exists(word)] == []


def test_every_identifier_of_the_glossary_is_in_the_code():
    rows = [line for line in text_of("docs/glossary.md").splitlines() if line.startswith("| ")]
    identifiers = [word for row in rows for word in CODE.findall(row.split("|")[2])]
    assert len(identifiers) > 80
    assert [word for word in identifiers if not re.search(rf"\b{re.escape(word)}\b", code())] == []


def test_every_decision_has_its_own_number_and_title():
    files = sorted((ROOT / "docs/adr").glob("*.md"))
    numbers = [path.name[:4] for path in files]
    assert len(numbers) == len(set(numbers)) > 10
    for path in files:
        assert re.match(rf"# {path.name[:4]}(\.| –) \S", path.read_text()), path.name


def test_checks_see_a_dead_link_a_strange_host_and_a_name_of_nothing():
    dead = "[a](docs/nothing.md) ![b](nowhere.png) [c](docs/glossary.md#nothing) [d](docs/glossary.md#money)"
    assert missing_links("README.md", dead) == ["docs/nothing.md", "nowhere.png", "docs/glossary.md#nothing"]
    assert missing_links("README.md", "[out](../../etc/hostname)") == ["../../etc/hostname"]
    assert not any(map(exists, ["core/nothing.py", "test_nothing", "GUICHET_NOTHING", "NOTHING_URL"]))
    assert all(map(exists, ["core/outbox.py", "core/", "GUICHET_PUBLISHER", "DATABASE_URL", "nothing"]))
    assert strange_hosts("http://127.0.0.1:8000/ https://site.example/a https://elsewhere.fr/b") == ["elsewhere.fr"]


def test_operations_lists_every_setting_of_the_environment():
    """Those that a process is told by another are left out on purpose."""
    ours = {"GUICHET_PROCESS", "GUICHET_STATIC_FROM_SOURCES"}
    read = set(re.findall(r'"(GUICHET_\w+)"', text_of("config/settings.py") + text_of("config/environment.py")))
    assert len(read) > 40
    assert read - ours - set(re.findall(r"GUICHET_\w+", text_of("docs/operations.md"))) == set()
