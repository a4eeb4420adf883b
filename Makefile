# pacs-framework. `make run` and `make test` do all the set-up they need.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := .uv/bin/uv
PLUGINS := $(wildcard plugins/*/pyproject.toml)
EDITABLE := -e . $(patsubst %/pyproject.toml,-e ./%,$(PLUGINS))
INSTALLED := $(VENV)/.installed

# Clinics often have a certificate authority of their own between them and the package index.
export UV_SYSTEM_CERTS ?= 1

# Images of containers like to set it. Tests and commands would then compile this repository at every start of Python,
# a fifth of what a start takes, and pytest would rewrite every test anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install run test alone lint types format lock docs bench soak faults clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Install the kernel, all plugins and the tools into .venv

run: $(INSTALLED) ## Start the archive: AE title PACS on 127.0.0.1:11112, data in ./pacs-data (ARGS="…" adds options)
	@$(BIN)/pacs serve $(ARGS)

test: $(INSTALLED) ## Run all tests on all cores (ARGS="…" goes to pytest)
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

alone: $(INSTALLED) ## Test each plugin from its wheel, with only its own dependencies (ARGS="pacs-store --all")
	@$(BIN)/python tools/alone.py --uv $(UV) $(ARGS)

lint: $(INSTALLED) ## Check style, types and the shape of the plugins
	@$(BIN)/python tools/gate.py lint
	@$(BIN)/python tools/gate.py types

types: $(INSTALLED) ## Check types only
	@$(BIN)/python tools/gate.py types

format: $(INSTALLED) ## Format the code and mend what can be mended
	@$(BIN)/ruff check --fix-only -q . && $(BIN)/ruff format -q .

docs: $(INSTALLED) ## Write the generated pages and the picture anew, then the site into site/
	@$(BIN)/python tools/reference.py
	@$(BIN)/python tools/picture.py
	@$(BIN)/python tools/docs_site.py

bench: $(INSTALLED) ## Measure beside Orthanc, DCMTK and pynetdicom (QUICK=1: fewer and smaller; ARGS="--rows small")
	@$(BIN)/python -m bench --install $(if $(QUICK),--quick) $(ARGS)

soak: $(INSTALLED) ## Mixed load for MINUTES=10, then account for everything
	@$(BIN)/python -m bench.soak --minutes $(or $(MINUTES),10) $(ARGS)

faults: $(INSTALLED) ## Kill, cut, fill and freeze archives under load; count what was lost (ARGS="--only kill --times 10")
	@$(BIN)/python -m bench.faults $(ARGS)

lock: $(UV) ## Resolve the newest dependencies into requirements.txt (names no package index)
	@$(UV) lock -q --upgrade --no-progress
	@$(UV) export -q --frozen --all-packages --all-groups --all-extras --no-extra gpl --no-emit-workspace \
	  --no-annotate --no-header --format requirements-txt -o requirements.txt

clean: ## Remove what make made; the archive's data stays
	@rm -rf $(VENV) .uv uv.lock site .mypy_cache .ruff_cache .pytest_cache .hypothesis

# uv lives in a folder of its own, so that neither `venv` nor the system's site-packages is needed.
$(UV): requirements-uv.txt
	@echo "installing uv …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=…")'
	@$(PYTHON) -m pip install -q --disable-pip-version-check --no-cache-dir --root-user-action ignore --upgrade \
	  --require-hashes --target .uv -r requirements-uv.txt
	@touch $@

$(INSTALLED): $(UV) requirements.txt pyproject.toml $(PLUGINS)
	@echo "installing pacs-framework and its plugins into $(VENV) …"
	@test -x $(BIN)/python || $(UV) venv -q --python $(PYTHON) $(VENV)
	@$(UV) pip sync -q --compile-bytecode --python $(BIN)/python --require-hashes requirements.txt
	@$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation $(EDITABLE)
	@$(BIN)/python -m compileall -q src plugins/*/src
	@touch $@
