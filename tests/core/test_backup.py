"""Backup and restore: a small base with a signed convention, an anchored journal and files, put back elsewhere."""

import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import psycopg
import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from conventions.models import Convention
from conventions.services.writing import write_convention
from core import keyring
from core.anchors import ANCHORING, AnchoringBusy, anchor_journal
from core.backup import MANIFEST, HashingReader, every_key, program, run_program, verify_archive
from core.embedded import Servers
from core.management.commands import restore
from core.management.commands.backup import publish
from core.management.commands.restore import read_manifest
from core.models import JournalEntry, StoredFile
from tests.factories.conventions import ConventionWorld, representative_of, sign_as

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(transactional_db, settings, tmp_path, monkeypatch):
    """A data directory and keys of this test's own, the key of the site among them."""
    monkeypatch.delenv("GUICHET_SECRET_KEY", raising=False)
    settings.DATA_DIR = tmp_path / "data"
    settings.PKI_DIR = settings.DATA_DIR / "pki"
    settings.DATA_DIR.mkdir(mode=0o700)
    backend = "django.core.files.storage.FileSystemStorage"
    location = {"location": settings.DATA_DIR / "files"}
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": backend, "OPTIONS": location}}
    keyring.demonstration_pki.cache_clear()
    yield settings.DATA_DIR
    keyring.demonstration_pki.cache_clear()


@pytest.fixture
def archive(place, settings, tmp_path):
    """A backup of a base with one convention signed by both parties, its money committed, its journal anchored."""
    (place / "guichet_secret_key.secret").write_text(settings.SECRET_KEY)
    world = ConventionWorld(1)
    convention = world.release()[0]
    write_convention(convention_id=str(convention.pk))
    convention.refresh_from_db()
    sign_as(convention, representative_of(convention))
    sign_as(convention, world.signatory)
    anchor_journal()
    path = tmp_path / "guichet.tar"
    call_command("backup", str(path), stdout=io.StringIO())
    return path


def rewritten(source, target, change):
    """A copy of an archive whose members ``change`` may alter: it gets name and bytes, returns bytes or None."""
    with tarfile.open(source) as before, tarfile.open(target, "w") as after:
        for item in before.getmembers():
            content = change(item.name, before.extractfile(item).read())
            if content is not None:
                item.size = len(content)
                after.addfile(item, io.BytesIO(content))
    return target


def flip(content):
    """The same bytes but one."""
    return content[:-1] + bytes([content[-1] ^ 1])


def manifest_with(changes):
    """A change that alters the manifest alone."""

    def change(name, content):
        if name != MANIFEST:
            return content
        manifest = json.loads(content)
        manifest["members"].update(changes)
        return json.dumps(manifest).encode()

    return change


# ------------------------------------------------------------------ the archive


def test_backup_holds_database_files_and_keys_and_is_private(archive, place):
    with tarfile.open(archive) as source:
        names = set(source.getnames())
        verify_archive(source, read_manifest(source))
    assert "database.dump" in names
    assert {f"files/{key}" for key in every_key()} <= names
    assert {f"files/{row.storage_key}" for row in StoredFile.objects.all()} <= names
    assert "secrets/guichet_secret_key.secret" in names
    assert any(name.startswith("secrets/pki/") for name in names)
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert [path.name for path in archive.parent.iterdir() if path.suffix == ".part"] == []


def test_backup_without_keys_holds_none(place, tmp_path):
    (place / "guichet_secret_key.secret").write_text("secret")
    path = tmp_path / "bare.tar"
    call_command("backup", str(path), without_keys=True, stdout=io.StringIO())
    with tarfile.open(path) as source:
        assert not [name for name in source.getnames() if name.startswith("secrets/")]


def test_backup_overwrites_nothing(place, tmp_path):
    path = tmp_path / "there.tar"
    path.write_text("kept")
    with pytest.raises(CommandError, match="existe déjà"):
        call_command("backup", str(path))
    assert path.read_text() == "kept"
    with pytest.raises(CommandError, match="n’existe pas"):
        call_command("backup", str(tmp_path / "no" / "such.tar"))


def test_backup_never_takes_the_place_of_one_made_meanwhile(place, tmp_path, monkeypatch):
    path = tmp_path / "there.tar"

    def dump_meanwhile(*arguments):
        run_program(*arguments)
        path.write_text("made by another run")

    monkeypatch.setattr("core.management.commands.backup.run_program", dump_meanwhile)
    with pytest.raises(CommandError, match="existe déjà"):
        call_command("backup", str(path))
    assert path.read_text() == "made by another run"
    assert not list(tmp_path.glob("*.part"))


def test_backup_on_a_disk_without_hard_links_overwrites_nothing_either(place, tmp_path, monkeypatch):
    def unsupported(*arguments):
        raise PermissionError("hard links are not supported here")

    monkeypatch.setattr("core.management.commands.backup.os.link", unsupported)
    path = tmp_path / "guichet.tar"
    call_command("backup", str(path), stdout=io.StringIO())
    with tarfile.open(path) as source:
        verify_archive(source, read_manifest(source))
    before = path.read_bytes()
    draft = tmp_path / "draft"
    draft.write_text("another run")
    with pytest.raises(FileExistsError):
        publish(draft, path)
    assert path.read_bytes() == before


def test_backup_waits_for_its_turn_before_it_writes_anything(place, tmp_path, superuser_connection):
    """Two runs to the same name: the one that gives up leaves the other's draft alone."""
    draft = tmp_path / "busy.tar.other.part"
    draft.write_text("of the other run")
    superuser_connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 11))", [ANCHORING])
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    with pytest.raises(CommandError, match="Un autre ancrage"):
        call_command("backup", str(tmp_path / "busy.tar"))
    assert [row.name for row in tmp_path.glob("busy.tar*")] == [draft.name]


@pytest.mark.parametrize(("key", "warned"), [("clé du site", True), ("", False)])
def test_backup_says_when_the_key_of_the_site_is_not_in_it(place, tmp_path, monkeypatch, key, warned):
    monkeypatch.setenv("GUICHET_SECRET_KEY", key)
    said = io.StringIO()
    call_command("backup", str(tmp_path / "guichet.tar"), stdout=io.StringIO(), stderr=said)
    assert ("n’est pas dans cette archive" in said.getvalue()) is warned


@pytest.mark.parametrize(
    ("key", "former", "refused"),
    [("of the archive", [], False), ("new", ["of the archive"], False), ("new", ["another"], True), ("new", [], True)],
)
def test_restore_wants_the_key_of_the_archive_or_a_former_one(
    place, settings, tmp_path, monkeypatch, key, former, refused
):
    (place / "guichet_secret_key.secret").write_text("of the archive")
    path = tmp_path / "guichet.tar"
    call_command("backup", str(path), stdout=io.StringIO())
    monkeypatch.setenv("GUICHET_SECRET_KEY", key)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = key, former
    with tarfile.open(path) as source:
        expected = pytest.raises(CommandError, match="GUICHET_SECRET_KEY diffère") if refused else nullcontext()
        with expected:
            restore.refuse_other_keys(source, read_manifest(source))


def test_backup_leaves_out_a_key_that_was_replaced_and_is_restored_under_the_new_one(
    place, tmp_path, monkeypatch, settings
):
    (place / "guichet_secret_key.secret").write_text("leaked")
    monkeypatch.setenv("GUICHET_SECRET_KEY", "new")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", []
    path = tmp_path / "guichet.tar"
    call_command("backup", str(path), stdout=io.StringIO(), stderr=io.StringIO())
    with tarfile.open(path) as source:
        assert "secrets/guichet_secret_key.secret" not in source.getnames()
        restore.refuse_other_keys(source, read_manifest(source))


def test_backup_that_fails_leaves_nothing(place, tmp_path, monkeypatch):
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    (tmp_path / "pg_dump").write_text("#!/bin/sh\necho no space left >&2\nexit 1\n")
    (tmp_path / "pg_dump").chmod(0o755)
    with pytest.raises(CommandError, match="no space left"):
        call_command("backup", str(tmp_path / "failed.tar"))
    assert not list(tmp_path.glob("failed.tar*"))


def test_backup_of_a_file_that_grows_meanwhile_can_be_restored(place, tmp_path, monkeypatch):
    """An upload in progress: the store writes in place, and the file is longer each time one looks."""
    growing = place / "files" / "ab" / "abcdef"
    growing.parent.mkdir(parents=True)
    growing.write_bytes(b"x" * 100_000)
    size = FileSystemStorage.size

    def said_then_grown(self, key):
        found = size(self, key)
        with growing.open("ab") as handle:
            handle.write(b"y" * 70_000)
        return found

    monkeypatch.setattr(FileSystemStorage, "size", said_then_grown)
    path = tmp_path / "guichet.tar"
    call_command("backup", str(path), stdout=io.StringIO())
    with tarfile.open(path) as source:
        verify_archive(source, read_manifest(source))
        assert source.extractfile("files/ab/abcdef").read() == b"x" * 100_000


def test_backup_that_reads_back_otherwise_leaves_nothing(place, tmp_path, monkeypatch):
    monkeypatch.setattr(HashingReader, "hexdigest", lambda self: "0" * 64)
    with pytest.raises(CommandError, match="rien n’est gardé"):
        call_command("backup", str(tmp_path / "guichet.tar"), stdout=io.StringIO())
    assert [item for item in tmp_path.iterdir() if item.name.startswith("guichet.tar")] == []


def test_backup_lets_nobody_anchor_between_dump_and_files(archive, tmp_path, monkeypatch):
    """Restored, the copy of such an anchor would accuse a row that nobody removed."""

    def anchor_meanwhile():
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '50ms'")
            anchor_journal()
        except AnchoringBusy:
            return "busy"
        finally:
            connection.close()
        return "anchored"

    answers = []

    def dump_then_anchor(*arguments):
        run_program(*arguments)
        with ThreadPoolExecutor(1) as pool:
            answers.append(pool.submit(anchor_meanwhile).result())

    monkeypatch.setattr("core.management.commands.backup.run_program", dump_then_anchor)
    path = tmp_path / "second.tar"
    call_command("backup", str(path), stdout=io.StringIO())
    assert answers == ["busy"]
    with tarfile.open(path) as source:
        copies = [name for name in source.getnames() if name.startswith("files/anchors/")]
    assert len(copies) == 2
    assert anchor_meanwhile() == "anchored"


def test_backup_while_somebody_anchors_leaves_nothing(place, tmp_path, superuser_connection):
    superuser_connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 11))", [ANCHORING])
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    with pytest.raises(CommandError, match="Un autre ancrage"):
        call_command("backup", str(tmp_path / "busy.tar"))
    assert not list(tmp_path.glob("busy.tar*"))


def test_programs_are_those_of_the_server_that_is_shipped(monkeypatch):
    monkeypatch.delenv("PG_BIN")
    answer = subprocess.run([program("pg_dump"), "--version"], capture_output=True, text=True, check=True).stdout
    assert " 18" in answer
    with pytest.raises(CommandError, match="introuvable"):
        program("pg_no_such_program")


def test_damage_is_told_before_anything_is_written(archive, tmp_path):
    key = next(iter(every_key()))
    changes = {
        "abîmée : database.dump": lambda name, content: flip(content) if name == "database.dump" else content,
        f"abîmée : files/{key}": lambda name, content: flip(content) if name == f"files/{key}" else content,
        f"incomplète : files/{key}": lambda name, content: None if name == f"files/{key}" else content,
        "incomplète : manifest.json": lambda name, content: None if name == MANIFEST else content,
        "abîmée : manifest.json": lambda name, content: content[:-2] if name == MANIFEST else content,
    }
    outside = (
        "files/../../outside",
        "files//etc/x",
        "secrets//etc/cron.d/x",
        "secrets/other/x",
        "secrets/",
        "database.dump2",
    )
    changes |= {f"Chemin refusé dans la sauvegarde : {name}\\.": manifest_with({name: "0" * 64}) for name in outside}
    for sentence, change in changes.items():
        broken = rewritten(archive, tmp_path / "broken.tar", change)
        with tarfile.open(broken) as source, pytest.raises(CommandError, match=sentence) as refused:
            verify_archive(source, read_manifest(source))
        assert "Rien n’a été restauré" in str(refused.value)
    with tarfile.open(archive) as source:
        verify_archive(source, read_manifest(source))


# ------------------------------------------------------------------ elsewhere


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_restore_refuses_a_base_that_is_not_empty(archive):
    before = JournalEntry.objects.count()
    with pytest.raises(CommandError, match="La base n’est pas vide"):
        call_command("restore", str(archive))
    assert JournalEntry.objects.count() == before


class Elsewhere:
    """Another data directory with servers, passwords and roles of its own, and nothing in them."""

    def __init__(self, servers):
        self.data_dir = servers.data_dir
        self.servers = servers
        self.environment = {
            "PATH": os.defpath,
            "HOME": str(self.data_dir),
            "GUICHET_DATA_DIR": str(self.data_dir),
            **servers.endpoints.environ(),
        }

    def manage(self, *arguments):
        return subprocess.run(
            [sys.executable, "manage.py", *map(str, arguments)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.mark.slow
def test_restored_elsewhere_every_proof_holds(archive, tmp_path):
    files = {}
    for key in every_key():
        with default_storage.open(key) as kept:
            files[key] = hashlib.sha256(kept.read()).hexdigest()
    entries = JournalEntry.objects.count()
    signed = Convention.objects.get().current_revision().file.storage_key
    with Servers(tmp_path / "elsewhere") as servers:
        there = Elsewhere(servers)
        short = tmp_path / "short.tar"
        short.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
        for broken in (short, tmp_path / "no-such.tar"):
            refused = there.manage("restore", broken)
            assert refused.returncode == 1
            assert "Sauvegarde" in refused.stderr

        restored = there.manage("restore", archive)
        assert restored.returncode == 0, restored.stderr
        assert f"{len(files)} fichiers" in restored.stdout
        for key, digest in files.items():
            assert hashlib.sha256((there.data_dir / "files" / key).read_bytes()).hexdigest() == digest
        secret = there.data_dir / "guichet_secret_key.secret"
        assert secret.read_text() == (archive.parent / "data" / secret.name).read_text()
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        pki = [path for path in (there.data_dir / "pki").rglob("*") if path.is_file()]
        assert pki
        assert {stat.S_IMODE(path.stat().st_mode) for path in pki} == {0o600}

        for command in (["verify_ledger"], ["verify_journal"], ["verify_document", "--all"]):
            proof = there.manage(*command)
            assert proof.returncode == 0, (command, proof.stderr)
        assert "1 document vérifié" in proof.stdout
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            found = connection.execute("SELECT count(*) FROM core_journalentry").fetchone()
            assert found == (entries,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("UPDATE core_journalentry SET reason = 'x'")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("TRUNCATE budget_ledgerentry")
        assert there.manage("migrate", "--check").returncode == 0

        again = there.manage("restore", archive)
        assert again.returncode == 1
        assert "n’est pas vide" in again.stderr
        (there.data_dir / "files" / signed).write_bytes(b"altered")
        assert there.manage("verify_document", "--all").returncode == 1


@pytest.mark.slow
def test_restore_refuses_a_folder_that_holds_files(archive, tmp_path):
    with Servers(tmp_path / "elsewhere") as servers:
        there = Elsewhere(servers)
        kept = there.data_dir / "files" / "ab" / "kept"
        kept.parent.mkdir(parents=True)
        kept.write_text("kept")
        refused = there.manage("restore", archive)
        assert refused.returncode == 1
        assert "Le dossier des fichiers n’est pas vide" in refused.stderr
        assert kept.read_text() == "kept"
        with psycopg.connect(servers.database_url) as connection:
            tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            assert connection.execute(tables).fetchone() == (0,)
        shutil.rmtree(kept.parent.parent)
        refuse_other_keys(there, archive)
        undo_everything(there, archive, tmp_path / "broken.tar")
        assert there.manage("restore", archive).returncode == 0


def refuse_other_keys(there, archive):
    """A place that holds another installation's keys is not mixed with those of the archive."""
    with tarfile.open(archive) as source:
        keys = [name for name in source.getnames() if name.startswith("secrets/pki/")]
    path = there.data_dir / keys[0].removeprefix("secrets/")
    path.parent.mkdir(parents=True)
    path.write_text("another installation's")
    refused = there.manage("restore", archive)
    assert refused.returncode == 1
    assert "existe déjà et diffère" in refused.stderr
    assert path.read_text() == "another installation's"
    assert not (there.data_dir / "files").exists()
    shutil.rmtree(there.data_dir / "pki")


def undo_everything(there, archive, broken):
    """The database refuses what the manifest vouches for: neither files nor keys stay, and the site's own come back."""
    dump = b"not a dump"
    manifest = manifest_with({"database.dump": hashlib.sha256(dump).hexdigest()})
    rewritten(archive, broken, lambda name, content: dump if name == "database.dump" else manifest(name, content))
    own = there.data_dir / "guichet_secret_key.secret"
    before = own.read_text()
    refused = there.manage("restore", broken)
    assert refused.returncode == 1
    assert "pg_restore a échoué" in refused.stderr
    assert own.read_text() == before
    for folder in ("files", "pki"):
        assert not [path for path in (there.data_dir / folder).rglob("*") if path.is_file()]
