# Guichet. « make help » lists the targets; all of them can be run again at any time.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON_BIN := .venv/bin/python
# More words for the command behind a target: make demo ARGS="--port 8001", make test ARGS="-k ledger"
ARGS ?=

.PHONY: help setup setup-test demo test check lock format clean

help: ## Affiche cette aide
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' \
		| while IFS=$$'\t' read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

setup: ## Prépare l'environnement pour la démonstration
	@scripts/bootstrap.sh demo

setup-test:
	@scripts/bootstrap.sh test

# The demonstration receives SIGTERM when make itself is killed, hence exec and the variable.
demo: setup ## Démarre tout : bases, données, site, tâches ; Ctrl-C arrête tout
	@GUICHET_DIE_WITH_PARENT=1 exec $(PYTHON_BIN) manage.py demo $(ARGS)

check: setup-test ## Vérifie format, règles, types, couches, migrations et gabarits
	@scripts/check.sh

test: check ## Vérifie, puis lance tous les tests, navigateur compris
	@echo "→ Tests"
	@$(PYTHON_BIN) -m pytest -n logical --dist loadgroup $(ARGS)

lock: ## Recalcule requirements/*.txt depuis pyproject.toml (demande uv)
	@command -v uv >/dev/null || { echo "✗ « make lock » demande uv."; exit 1; }
	@export UV_CUSTOM_COMPILE_COMMAND="make lock"; \
	options="--quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links"; \
	uv pip compile $$options pyproject.toml -o requirements/base.txt; \
	uv pip compile $$options --extra dev -c requirements/base.txt pyproject.toml -o requirements/dev.txt

format: setup-test ## Met les fichiers Python en forme
	@$(PYTHON_BIN) -m ruff check --fix --quiet . || true
	@$(PYTHON_BIN) -m ruff format --quiet .

clean: ## Supprime l'environnement, les caches et les données de démonstration
	@python3 -m core.embedded clean
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis staticfiles
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
