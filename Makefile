# What people run: make serve, make test, make check. All of it stays in .venv and data.
PYTHON ?= python3
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --generate-hashes --universal --no-header --no-annotate --no-emit-index-url -q
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: help setup setup-dev setup-bench serve test check bench requirements clean
help:
	@echo "make serve         answer on http://127.0.0.1:8000; SEPTET_PORT=8001 make serve for another port"
	@echo "make test          all tests, on SQLite and PostgreSQL; make test ARGS='tests/core -x' for some"
	@echo "make check         style, types, and the rules of the house"
	@echo "make bench         measure speed and memory beside others; make bench ARGS=--quick for a first look"
	@echo "make requirements  pin the dependencies anew"
	@echo "make clean         remove .venv and caches; the folder data stays"

setup: .venv/.run
setup-dev: .venv/.dev
setup-bench: .venv/.bench

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Septet needs Python 3.11 or newer, and \"$(PYTHON)\" is not. Name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; \
	  exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "Python could not make a virtual environment. On Debian and Ubuntu: apt install python3-venv"; exit 1; }

.venv/.run: requirements/run.txt pyproject.toml | .venv/bin/python
	@echo "Installing into .venv; this happens once."
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps -e .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.run
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

.venv/.bench: requirements/bench.txt .venv/.dev
	@$(PIP) install --require-hashes -r requirements/bench.txt
	@touch $@

serve: setup
	@exec $(BIN)/septet serve

test: setup-dev
	@$(BIN)/python -m pytest -n 2 $(ARGS)

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/python -m pytest tests/architecture $(ARGS)

bench: setup-bench
	@$(BIN)/python -m benchmarks $(ARGS)

requirements: .venv/bin/python
	@test -x $(BIN)/uv || $(PIP) install uv
	$(LOCK) pyproject.toml -o requirements/run.txt
	$(LOCK) pyproject.toml --extra dev -c requirements/run.txt -o requirements/dev.txt
	$(LOCK) benchmarks/requirements.in -c requirements/dev.txt -o requirements/bench.txt

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
