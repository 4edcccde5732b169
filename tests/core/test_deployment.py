"""docker-compose.yml: what each service is given, and each service's own command against real servers."""

import json
import os
import re
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.utils import matches_patterns
from django.template.utils import get_app_template_dirs
from django.urls import reverse

from core.embedded.children import Child
from core.management.commands.prepare import UNUSED
from tests.core.compose import (
    ROOT,
    SITE,
    Deployment,
    deployment,
    env_files,
    environment_of,
    free_port,
    interpolated,
    read_compose,
)
from tests.core.embedded_fixtures import eventually

MAKE_SECRETS = [sys.executable, "manage.py", "make_secrets", "--directory"]
FILES = ("owner.env", "postgres.env", "redis.env", "site.env")


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read_compose()["services"]
    return found


def made_secrets(folder: Path) -> dict[str, dict[str, str]]:
    """What ``make_secrets`` writes, by file."""
    subprocess.run([*MAKE_SECRETS, str(folder)], cwd=ROOT, check=True, capture_output=True)
    return {
        path.stem: dict(line.split("=", 1) for line in path.read_text().splitlines()) for path in folder.glob("*.env")
    }


# ------------------------------------------------------------------ what the files say


def test_only_the_command_and_the_owner_differ_between_processes_of_the_site() -> None:
    rows = [services()[name] for name in SITE]
    assert len({json.dumps(row["environment"], sort_keys=True) for row in rows}) == 1
    assert len({(row["image"], row["build"], tuple(row["volumes"])) for row in rows}) == 1
    assert [row["command"] for row in rows] == [
        ["python", "manage.py", "prepare"],
        *(["python", "manage.py", "serve", name] for name in ("web", "worker", "beat")),
    ]


def test_what_serves_never_sees_the_owner_nor_the_superuser() -> None:
    for name in ("web", "worker", "beat"):
        assert env_files(services()[name]) == ["site.env", "options.env"], name
        assert env_files(services()[name], required_only=True) == ["site.env"], name
    assert "owner.env" in env_files(services()["migrate"])
    assert env_files(services()["postgres"]) == ["postgres.env"]
    assert env_files(services()["redis"]) == ["redis.env"]


def test_web_and_worker_can_be_multiplied() -> None:
    for name in ("web", "worker"):
        service = services()[name]
        # A name, a port of the host or a folder of its own would be refused or lost at the second copy.
        assert not {"container_name", "ports", "hostname", "expose"} & set(service), name
        assert service["volumes"] == ["files:/var/lib/guichet"], name
    assert all("container_name" not in service for service in services().values())
    assert "files" in read_compose()["volumes"]


def test_only_the_proxy_is_published_and_servers_cannot_be_reached_from_it() -> None:
    assert [name for name, service in services().items() if "ports" in service] == ["proxy"]
    assert services()["proxy"]["networks"] == ["front"]
    for name in ("postgres", "redis"):
        assert services()[name]["networks"] == ["inside"]
    assert read_compose()["networks"]["inside"]["internal"] is True


def test_whoever_does_not_come_through_the_proxy_that_ends_tls_does_not_come_in() -> None:
    """Published on this machine alone; the gateway that such a proxy is seen as is fixed, and told in the guide."""
    assert services()["proxy"]["ports"] == ["${GUICHET_LISTEN:-127.0.0.1}:${GUICHET_PORT:-8080}:8080"]
    gateway = read_compose()["networks"]["front"]["ipam"]["config"][0]["gateway"]
    assert f"`GUICHET_OUTER_PROXY={gateway}`" in (ROOT / "docs/operations.md").read_text()


def test_forwarded_addresses_are_believed_from_the_network_of_the_proxy_alone() -> None:
    subnet = read_compose()["networks"]["front"]["ipam"]["config"][0]["subnet"]
    assert services()["web"]["environment"]["GUICHET_TRUSTED_PROXIES"] == subnet
    assert [name for name, service in services().items() if "front" in service["networks"]] == [*SITE, "proxy"]


def test_files_wait_for_the_antivirus() -> None:
    environment = services()["web"]["environment"]
    assert environment["GUICHET_CLAMD"] == "clamav:3310"
    assert environment["GUICHET_HOLD_UNSCANNED"] == "1"
    clamd = dict(
        line.split(maxsplit=1)
        for line in (ROOT / "deploy" / "clamd.conf").read_text().splitlines()
        if line[:1].isalpha()
    )
    assert clamd["TCPSocket"] == "3310"
    assert (clamd["AlertExceedsMax"], clamd["AlertEncrypted"]) == ("yes", "yes")
    from django.conf import settings

    assert int(clamd["StreamMaxLength"].removesuffix("M")) * 1024 * 1024 > settings.ATTACHMENT_MAX_BYTES
    assert "./deploy/clamd.conf:/etc/clamav/clamd.conf:ro" in services()["clamav"]["volumes"]


def test_queue_never_forgets_a_message_for_want_of_memory() -> None:
    assert "--maxmemory-policy noeviction" in services()["redis"]["command"][2]
    assert "--appendonly yes" in services()["redis"]["command"][2]


def test_each_variable_is_one_that_the_site_reads() -> None:
    read = (ROOT / "config" / "settings.py").read_text() + (ROOT / "config" / "environment.py").read_text()
    for name in services()["web"]["environment"]:
        assert f'"{name}"' in read, name


def test_mounted_files_exist() -> None:
    for service in services().values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith("./") or (ROOT / source).is_file(), volume
    assert os.access(ROOT / "deploy" / "postgres-roles.sh", os.X_OK)


def test_image_runs_as_nobody_special_with_locked_packages_and_no_secret() -> None:
    lines = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER guichet$", lines, re.MULTILINE)
    assert "--require-hashes -r requirements/base.txt" in lines
    bootstrap = (ROOT / "scripts" / "bootstrap.sh").read_text()
    libraries = re.findall(r'"lib[\w.-]+\.so\.\d+": "([\w.-]+)"', bootstrap)
    assert len(libraries) == 3
    assert all(f" {library}" in lines for library in libraries)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {"deploy/*.env", ".data", ".git", "**/*.p12"} <= set(ignored)


def test_proxy_configuration_is_well_formed() -> None:
    text = (ROOT / "deploy" / "nginx.conf.template").read_text()
    bare = re.sub(r"#.*", "", text)
    assert bare.count("{") - bare.count("${") == bare.count("}") - len(re.findall(r"\$\{\w+\}", bare))
    for line in filter(None, map(str.strip, bare.splitlines())):
        assert line.endswith((";", "{", "}")), line
    # Filled in by the image from the container's environment; everything else is nginx's own.
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(services()["proxy"]["environment"])
    assert "location = /metrics { return 404; }" in text
    # With a plain name, addresses are looked up once and a second web container gets nothing.
    assert "resolver 127.0.0.11" in text
    assert "proxy_pass http://$site:8000;" in text
    assert "set $site web;" in text
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in text
    # Neither what is searched nor the token of a link stays in a log.
    link = reverse("recovery_cancel", args=["jeton"]).removesuffix("jeton/")
    assert f"~^{link} {link};" in text
    assert "access_log /var/log/nginx/access.log paths;" in text
    assert "$request " not in text and "$request_uri" not in text and "$http_referer" not in text
    size = re.search(r"client_max_body_size (\d+)m;", text)
    assert size is not None
    from django.conf import settings

    assert int(size[1]) * 1024 * 1024 > settings.ATTACHMENT_MAX_BYTES
    assert services()["proxy"]["ports"][0].endswith(":8080")
    assert "listen 8080;" in text
    assert "proxy_set_header Host $http_host;" in text, "without its port, no page is recognised as ours"


def test_every_static_file_that_a_template_names_is_collected() -> None:
    named = {
        (template, name)
        for engine in (ROOT / "templates", *(Path(folder) for folder in get_app_template_dirs("templates")))
        for template in engine.rglob("*.html")
        for name in re.findall(r"""{%\s*static\s+['"]([^'"]+)['"]""", template.read_text())
    }
    assert len(named) > 20
    for template, name in sorted(named):
        assert finders.find(name), f"{template}: {name}"
        assert not matches_patterns(name, UNUSED), f"{template}: {name}"


# ------------------------------------------------------------------ secrets


def test_secrets_are_private_and_each_file_holds_its_own(tmp_path: Path) -> None:
    secrets = made_secrets(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(secrets["site"]) == {"GUICHET_SECRET_KEY", "DATABASE_URL", "REDIS_URL", "BROKER_URL"}
    assert set(secrets["owner"]) == {"OWNER_DATABASE_URL"}
    for name in ("POSTGRES_PASSWORD", "GUICHET_OWNER_PASSWORD"):
        assert secrets["postgres"][name] not in (tmp_path / "site.env").read_text()
    assert secrets["postgres"]["GUICHET_APP_PASSWORD"] in secrets["site"]["DATABASE_URL"]
    assert len(secrets["site"]["GUICHET_SECRET_KEY"]) >= 50


@pytest.mark.parametrize("present", FILES)
def test_secrets_are_never_overwritten(tmp_path: Path, present: str) -> None:
    (tmp_path / present).write_text("KEPT=1\n")
    result = subprocess.run([*MAKE_SECRETS, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "existent déjà" in result.stderr
    assert present in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == [present]
    assert (tmp_path / present).read_text() == "KEPT=1\n"


# ------------------------------------------------------------------ the services themselves


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Deployment]:
    """PostgreSQL and Redis by their commands of the file, the roles made by the script that the image runs."""
    with deployment(made_secrets(tmp_path)) as found:
        found.start("postgres")
        assert eventually(lambda: found.run("postgres", ["pg_isready", "-U", "postgres"]).returncode == 0, 30)
        found.run("postgres", ["psql", "-U", "postgres", "-d", "postgres", "-c", "CREATE DATABASE guichet"])
        script = found.run("postgres", [str(ROOT / "deploy" / "postgres-roles.sh")])
        assert script.returncode == 0, script.stderr
        found.start("redis")
        yield found


def page(found: Deployment, path: str, port: int | None = None) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers of a page."""
    request = urllib.request.Request(f"http://127.0.0.1:{port or found.port}{path}", headers={"Host": "localhost"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read().decode(errors="replace"), dict(response.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace"), dict(error.headers)


def family_environment(child: Child) -> dict[str, str]:
    """The environment that the running program really has."""
    content = Path(f"/proc/{child.pid}/environ").read_text()
    return dict(item.split("=", 1) for item in content.split("\0") if "=" in item)


QUEUE_MAILS = """
from django.db import transaction
from core.mail import queue_mail
for number in range(6):
    with transaction.atomic():
        queue_mail(to=["marie@commune.example"], subject="Essai", template="emails/{template}", context={{}},
                   dedupe_key=f"trial-{{number}}")
"""


@pytest.mark.slow
def test_every_service_runs_from_its_own_command(deployed: Deployment) -> None:
    assert eventually(lambda: deployed.is_healthy("redis"), 20), deployed.log("redis")
    assert deployed.is_healthy("postgres")
    assert deployed.psql("SHOW max_connections") == "300"

    prepared = deployed.run("migrate", deployed.service("migrate")["command"])
    assert prepared.returncode == 0, prepared.stderr
    again = deployed.run("migrate", deployed.service("migrate")["command"])
    assert again.returncode == 0, again.stderr  # a second deployment of the same version changes nothing
    owners = deployed.psql("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert owners == "guichet_owner"

    processes = {name: deployed.start(name) for name in ("web", "worker", "beat")}
    for name in processes:
        assert eventually(lambda name=name: deployed.is_healthy(name), 90), deployed.log(name)
    for child in processes.values():
        seen = family_environment(child)
        assert seen["DATABASE_URL"].startswith("postgresql://guichet_app:")
        assert not {"OWNER_DATABASE_URL", "POSTGRES_PASSWORD", "GUICHET_OWNER_PASSWORD"} & set(seen)

    assert_pages_are_served(deployed)
    assert_scales(deployed)
    assert_dead_processes_are_noticed(deployed, processes)
    assert_logs_hold_nobody(deployed)
    for name, child in processes.items():
        assert child.stop() in {0, -9} if name == "worker" else child.stop() == 0, deployed.log(name)


def assert_pages_are_served(deployed: Deployment) -> None:
    status, text, headers = page(deployed, "/")
    assert status == 200
    assert "88" in text
    assert "nonce-" in headers["Content-Security-Policy"]
    style = re.search(r'href="(/static/guichet/guichet\.[0-9a-f]+\.css)"', text)
    assert style is not None, "static files are named by their content"
    status, _, headers = page(deployed, style[1])
    assert status == 200
    assert "immutable" in headers["Cache-Control"]
    assert page(deployed, "/metrics")[0] == 404
    assert page(deployed, "/page-qui-n-existe-pas/?q=Durand")[0] == 404


def assert_scales(deployed: Deployment) -> None:
    """A second web and a second worker beside the first: same pages, and a message is delivered once."""
    other = free_port()
    second = deployed.start("web", GUICHET_BIND=f"127.0.0.1:{other}", GUICHET_METRICS="1")
    helper = deployed.start("worker")
    assert eventually(lambda: deployed.is_healthy("web", GUICHET_BIND=f"127.0.0.1:{other}"), 60), deployed.log("web")
    assert page(deployed, "/", other)[0] == 200
    assert_processes_count_together(deployed, other)
    # By name, in the process that serves: the template is one of the site's own.
    template = "jury/decision_refused.txt"
    code = QUEUE_MAILS.format(template=template)
    queued = deployed.run("web", ["python", "manage.py", "shell", "-v0", "-c", code])
    assert queued.returncode == 0, queued.stderr
    pending = "SELECT count(*) FROM core_outboxmessage WHERE delivered_at IS NULL"
    assert eventually(lambda: deployed.psql(pending) == "0", 60), deployed.log("worker")
    mails = [path.read_text() for path in (deployed.data / "mails").iterdir()]
    assert sum(text.count("To: marie@commune.example") for text in mails) == 6
    counters = family_environment(second)["PROMETHEUS_MULTIPROC_DIR"]
    assert os.listdir(counters)
    assert second.stop() == 0
    assert not os.path.exists(counters)
    helper.stop()


def assert_processes_count_together(deployed: Deployment, port: int) -> None:
    """Whichever process answers, it tells of all of them: a counter never goes back."""
    counted = re.compile(r"^django_http_requests_before_middlewares_total (\d+)", re.MULTILINE)
    seen = []
    for _ in range(20):
        found = counted.search(page(deployed, "/metrics", port)[1])
        assert found is not None
        seen.append(int(found[1]))
    assert all(after == before + 1 for before, after in pairwise(seen)), seen


def assert_dead_processes_are_noticed(deployed: Deployment, processes: dict[str, Child]) -> None:
    processes["worker"].kill9()
    assert not deployed.is_healthy("worker")
    assert deployed.is_healthy("beat")
    processes["beat"].stop()
    deployed.psql("UPDATE core_heartbeat SET seen_at = seen_at - interval '61 seconds'")
    assert not deployed.is_healthy("beat")
    assert page(deployed, "/sante/travaux/")[0] == 503
    processes["web"].stop()
    assert not deployed.is_healthy("web")


CELERY_FAREWELL = "worker: Warm shutdown (MainProcess)"


def assert_logs_hold_nobody(deployed: Deployment) -> None:
    for name in ("web", "worker", "beat"):
        # Celery says goodbye from a signal's handler, where nothing may be formatted.
        lines = [line for line in deployed.log(name).splitlines() if line not in {"", CELERY_FAREWELL}]
        for line in lines:
            assert isinstance(json.loads(line), dict), line
        text = "\n".join(lines)
        assert "marie@" not in text
        assert "Durand" not in text
        assert "127.0.0.1" not in "\n".join(line for line in lines if "request" in line)


def test_interpolation_follows_compose() -> None:
    assert interpolated("${A:-http://x:80}/$$B") == "http://x:80/$B"
    assert interpolated("${A:-http://x:80}/$$B", {"A": "https://y"}) == "https://y/$B"


def test_address_of_the_site_is_read_where_the_documentation_says() -> None:
    web, files = services()["web"], {"site": {"DATABASE_URL": "x"}}
    told = {"GUICHET_SITE_URL": "https://guichet.example.fr", "GUICHET_ALLOWED_HOSTS": "guichet.example.fr"}
    assert environment_of(web, files)["GUICHET_SITE_URL"] == "http://localhost:8080"
    assert told.items() <= environment_of(web, files, told).items()
    # Written among the options, the composition would win over it: the documentation sends nobody there.
    misled = environment_of(web, {**files, "options": told})
    assert misled["GUICHET_SITE_URL"] == "http://localhost:8080"
    options = environment_of(web, {**files, "options": {"GUICHET_SMTP_HOST": "smtp.example.fr"}})
    assert options["GUICHET_SMTP_HOST"] == "smtp.example.fr"


def test_documentation_sorts_what_an_operator_gives_as_the_composition_reads_it() -> None:
    start = (ROOT / "docs" / "operations.md").read_text().split("## First start with containers")[1].split("## ")[0]
    told = {
        line.split("|")[1].strip(): set(re.findall(r"`(GUICHET_\w+)`", line))
        for line in start.splitlines()
        if line.startswith("| ")
    }
    composition = (ROOT / "docker-compose.yml").read_text()
    interpolated_names = set(re.findall(r"\$\{(GUICHET_\w+):-", composition))
    assert told["`.env`, beside `docker-compose.yml`"] == interpolated_names
    fixed = set(services()["web"]["environment"]) - interpolated_names
    assert told["nowhere: the composition gives it"] == fixed
    assert ".env" in (ROOT / ".dockerignore").read_text().splitlines()
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
