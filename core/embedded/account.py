"""Which account runs the servers, and where this account can reach its files.

Not root: our own account, and everything lives in the data directory.

Root: PostgreSQL refuses to run, so both servers run as `nobody` (or the account named by the environment
variable GUICHET_SERVER_ACCOUNT). We never open the rights of a folder that we did not make. Two cases:

- `nobody` can traverse the folders above the data directory: the files stay there. The data directory
  becomes 0711 (traversed, not listed); the servers' folders in it are 0700 and belong to `nobody`.
- it cannot (a clone in /root, 0700): the servers' folders go to /var/lib/guichet-<random>, which root
  owns, 0711; the file `home` of the data directory records the place, the file `owner` of the place
  records the data directory. The name is random so that a new clone at an old path starts afresh. A place
  whose data directory was made anew is removed at the next start.

The same holds for the binaries, which are copied to that place when `nobody` cannot read the virtual
environment. Root writes and copies only in folders of its own; what happens inside a folder of `nobody` is
done as `nobody`, so that a symbolic link planted there leads nowhere.
"""

import os
import pwd
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from core.embedded.errors import EmbeddedError

ELSEWHERE = Path("/var/lib")
PREFIX = "guichet-"


@dataclass(frozen=True)
class Account:
    """An unprivileged account of this machine."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """The account to change to, or None when we are not root and need no change."""
    if os.geteuid() != 0:
        return None
    name = os.environ.get("GUICHET_SERVER_ACCOUNT", "nobody")
    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise EmbeddedError(f"Le compte « {name} » n'existe pas sur cette machine.") from error
    if entry.pw_uid == 0:
        raise EmbeddedError(
            "PostgreSQL refuse de tourner en root : GUICHET_SERVER_ACCOUNT doit désigner un autre compte."
        )
    return Account(name, entry.pw_uid, entry.pw_gid)


def can_reach(account: Account | None, path: Path, *, wanted: str = "rx") -> bool:
    """True when `account` can read ("r") and traverse or execute ("x") `path`: the kernel is asked."""
    if account is None:
        return os.access(path, sum({"r": os.R_OK, "x": os.X_OK}[letter] for letter in wanted))
    return all(
        subprocess.run(
            ["/usr/bin/test", f"-{letter}", str(path)],
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            env={},
            check=False,
        ).returncode
        == 0
        for letter in wanted
    )


def make_private(path: Path, account: Account | None) -> None:
    """Create `path`, 0700, for `account`; EmbeddedError when it is there and belongs to another."""
    uid = os.geteuid() if account is None else account.uid
    try:
        path.mkdir(mode=0o700)
        if account is not None:
            os.chown(path, account.uid, account.gid)
    except FileExistsError:
        pass
    found = path.lstat()
    if found.st_uid != uid or path.is_symlink():
        raise EmbeddedError(f"{path} devrait être un dossier du compte {uid} (il appartient à {found.st_uid}).")
    if found.st_mode & 0o777 != 0o700:
        path.chmod(0o700)


def open_data_dir(data_dir: Path, account: Account | None) -> None:
    """Create the data directory, ours alone; root leaves it traversable, never listable."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = data_dir.stat()
    if found.st_uid != os.geteuid():
        raise EmbeddedError(
            f"{data_dir} appartient au compte {found.st_uid} et vous êtes {os.geteuid()} : "
            "lancez Guichet sous le compte qui a créé ce dossier, ou supprimez-le."
        )
    data_dir.chmod(0o700 if account is None else 0o711)


def home_of(data_dir: Path, account: Account | None) -> Path:
    """The folder under which `account` can reach its own; see the module's docstring."""
    if account is None:
        return data_dir
    record = data_dir / "home"
    if record.exists():
        home = Path(record.read_text().strip())
        owner = home / "owner"
        if owner.is_file() and home.stat().st_uid == 0 and _belongs(owner, data_dir):
            data_dir.chmod(0o700)
            return home
        record.unlink()  # copied from another clone, or the place is gone
    elif can_reach(account, data_dir, wanted="x"):
        return data_dir
    elif (data_dir / "postgres").exists():
        raise EmbeddedError(
            f"Le compte « {account.name} » ne peut plus atteindre {data_dir} : remettez le dossier à sa place, "
            "ou supprimez-le pour repartir de zéro."
        )
    return _new_home(data_dir, record)


def _belongs(owner: Path, data_dir: Path) -> bool:
    """True unless another existing data directory claims the same place; a moved clone takes it along."""
    recorded = Path(owner.read_text().strip())
    if recorded == data_dir:
        return True
    claimed = recorded / "home"
    if claimed.exists() and claimed.read_text().strip() == str(owner.parent):
        return False
    owner.write_text(f"{data_dir}\n")
    return True


def _new_home(data_dir: Path, record: Path) -> Path:
    for former in ELSEWHERE.glob(f"{PREFIX}*/owner"):
        if former.parent.stat().st_uid == 0 and former.read_text().strip() == str(data_dir):
            shutil.rmtree(former.parent)
    home = ELSEWHERE / f"{PREFIX}{secrets.token_hex(6)}"
    home.mkdir(mode=0o711)
    home.chmod(0o711)
    (home / "owner").write_text(f"{data_dir}\n")
    record.write_text(f"{home}\n")
    data_dir.chmod(0o700)
    return home


def remove_home(data_dir: Path) -> None:
    """Delete what `home_of` put elsewhere; the data directory itself is left to the caller."""
    record = data_dir / "home"
    if record.exists():
        home = Path(record.read_text().strip())
        if home.parent == ELSEWHERE and home.name.startswith(PREFIX) and (home / "owner").is_file():
            shutil.rmtree(home)
        record.unlink()
