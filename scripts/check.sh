#!/usr/bin/env bash
# What must hold before a commit, all at once: format, rules, types, layers, migrations, templates.
# Prints one line a check, and the whole answer of those that fail. Exit code 1 when one does.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

bin="$PWD/.venv/bin"
logs="$(mktemp -d)"
trap 'rm -rf "$logs"; kill $(jobs -p) 2>/dev/null' EXIT
export PYTHONWARNINGS=ignore NO_COLOR=1

names=()
begin() {
    local name="$1"
    shift
    names+=("$name")
    {
        local started=$SECONDS code=0
        "$@" >"$logs/$name" 2>&1 </dev/null || code=$?
        echo "$code $((SECONDS - started))" >"$logs/$name.end"
    } &
}

# No server is needed to compare models with migrations; an address that leads nowhere says so to manage.py.
migrations() {
    DATABASE_URL="postgresql://nowhere@/nowhere?host=/nonexistent" \
        "$bin/python" manage.py makemigrations --check --dry-run --verbosity 1 --skip-checks
}

begin Types "$bin/python" -m mypy --no-error-summary --no-color-output .
begin Migrations migrations
begin Gabarits "$bin/python" -m djlint --lint --quiet templates
begin Couches "$bin/lint-imports"
begin Règles "$bin/python" -m ruff check --quiet --output-format concise .
begin Format "$bin/python" -m ruff format --check --quiet .
wait

failed=0
for name in "${names[@]}"; do
    read -r code seconds <"$logs/$name.end"
    if [ "$code" = 0 ]; then
        printf '✓ %s (%d s)\n' "$name" "$seconds"
    else
        failed=1
        printf '✗ %s (%d s)\n' "$name" "$seconds"
        sed 's/^/  /' "$logs/$name"
        [ "$name" != Format ] || echo "  « make format » remet ces fichiers en forme."
    fi
done
exit "$failed"
