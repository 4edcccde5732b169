#!/usr/bin/env bash
# Prepares the clone: system packages, then .venv with the locked dependencies.
#
#   scripts/bootstrap.sh demo     what running needs
#   scripts/bootstrap.sh test     what testing needs as well
#   --print                       says what would be done, does nothing; exit code 2 when something is missing
#
# As root on Debian the missing packages are installed; elsewhere the command is printed, exit code 2.
# Done again only when a requirements file, the Python or the place of the clone has changed.
# pip follows the user's own configuration (pip.conf, PIP_*).
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

kind=""
print_only=no
for argument in "$@"; do
    case "$argument" in
        demo | test) kind="$argument" ;;
        --print) print_only=yes ;;
        *) kind="" && break ;;
    esac
done
if [ -z "$kind" ]; then
    echo "Usage : scripts/bootstrap.sh demo|test [--print]" >&2
    exit 64
fi

step() { printf '→ %s\n' "$*"; }
fail() { printf '\n✗ %s\n' "$*" >&2; exit "${code:-1}"; }

# --- Python ---------------------------------------------------------------------------------------------

is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

python=""
for candidate in ${PYTHON:-} python3 python3.11 python3.12 python3.13; do
    if command -v "$candidate" >/dev/null && is_recent "$candidate"; then
        python="$(command -v "$candidate")"
        break
    fi
done

# --- System packages ------------------------------------------------------------------------------------

# Prints the Debian packages that are missing. Libraries are really loaded and programs looked up, so that
# another distribution, or a library installed by hand, is judged by what works.
missing_packages() {
    if [ -z "$python" ]; then
        echo python3 python3-venv
        return
    fi
    "$python" - "$kind" <<'PYTHON'
import ctypes
import importlib.util
import shutil
import sys

missing = []
if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
    missing.append("python3-venv")
libraries = {
    "libpango-1.0.so.0": "libpango-1.0-0",
    "libpangoft2-1.0.so.0": "libpangoft2-1.0-0",
    "libharfbuzz-subset.so.0": "libharfbuzz-subset0",
}
for library, package in libraries.items():
    try:
        ctypes.CDLL(library)
    except OSError:
        missing.append(package)
if sys.argv[1] == "test":
    programs = {
        "chromium": ("chromium", "chromium-browser"),
        "poppler-utils": ("pdfsig",),
        "openssl": ("openssl",),
        "softhsm2": ("softhsm2-util",),
        "libnss3-tools": ("certutil",),
    }
    missing += [package for package, names in programs.items() if not any(map(shutil.which, names))]
print(*missing)
PYTHON
}

install_packages() {
    local packages="$1" log
    log="$(mktemp)"
    step "Paquets du système à installer : $packages"
    # shellcheck disable=SC2086 # one word per package
    if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages; } \
        >"$log" 2>&1 </dev/null; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        fail "apt-get a échoué : la machine atteint-elle un miroir Debian ? Paquets attendus : $packages"
    fi
    rm -f "$log"
}

packages="$(missing_packages)"
if [ -n "$packages" ]; then
    command="apt-get update && apt-get install -y --no-install-recommends $packages"
    [ "$(id -u)" = 0 ] || command="sudo sh -c '$command'"
    if [ "$print_only" = yes ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        code=2 fail "Il manque des paquets du système. Sous Debian, lancez :

    $command

puis recommencez."
    fi
    install_packages "$packages"
    [ -n "$python" ] || python="$(command -v python3)"
    is_recent "$python" || fail "Python 3.11 ou plus récent est nécessaire (trouvé : $("$python" --version))."
    packages="$(missing_packages)"
    [ -z "$packages" ] || fail "Toujours absents après installation : $packages"
fi
step "Paquets du système : présents"

# --- Virtual environment --------------------------------------------------------------------------------

requirements=requirements/base.txt
[ "$kind" = demo ] || requirements=requirements/dev.txt

# What .venv was made of. It holds absolute paths, so a clone that was moved needs a new one.
fingerprint() { sha256sum <"$1" | cut -c1-64; }
place="$(pwd -P) $("$python" -c 'import sys; print(sys.base_prefix, sys.version.split()[0])')"
stamp_of() { echo ".venv/.guichet-$(basename "$1" .txt)"; }
is_done() { [ -f "$(stamp_of "$1")" ] && [ "$(cat "$(stamp_of "$1")")" = "$(fingerprint "$1")" ]; }
works() { [ "$(cat .venv/.guichet-place 2>/dev/null)" = "$place" ] && .venv/bin/python -c 'import pip' 2>/dev/null; }

if works && is_done "$requirements"; then
    step "Environnement Python : à jour"
    exit 0
fi
if [ "$print_only" = yes ]; then
    echo "$python -m venv .venv && .venv/bin/python -m pip install --require-hashes -r $requirements"
    exit 2
fi
if ! works; then
    step "Environnement Python : création de .venv avec $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv || fail "Impossible de créer .venv."
    echo "$place" >.venv/.guichet-place
fi

# pip says "Collecting …" once per package: enough to show that it moves.
show_progress() {
    local count=0 total line
    total="$(grep -c '^[a-z0-9].*==' "$requirements")"
    while IFS= read -r line; do
        case "$line" in
            Collecting*)
                count=$((count + 1))
                if [ -t 1 ]; then
                    printf '\r  %d/%d' "$count" "$total"
                elif [ $((count % 25)) = 0 ]; then
                    printf '  %d/%d\n' "$count" "$total"
                fi
                ;;
            Installing*) [ ! -t 1 ] && echo "  copie des fichiers" || printf '\r  copie des fichiers' ;;
        esac
    done
    [ ! -t 1 ] || printf '\r\033[K'
}

step "Dépendances Python : installation de $requirements (quelques minutes la première fois)"
log=.venv/pip.log
if ! .venv/bin/python -m pip install --disable-pip-version-check --no-input --require-hashes -r "$requirements" 2>&1 \
    | tee "$log" | show_progress; then
    tail -n 15 "$log" >&2
    fail "L'installation des dépendances a échoué (journal complet : $log).
  Sans accès au réseau, ou à l'index de paquets configuré pour pip, elle est impossible.
  Relancez la même commande une fois l'accès rétabli : ce qui est fait ne sera pas refait."
fi
if [ "$kind" = test ]; then
    fingerprint requirements/base.txt >"$(stamp_of requirements/base.txt)"
fi
fingerprint "$requirements" >"$(stamp_of "$requirements")"
step "Dépendances Python : installées"
