# Every target sets itself up in .venv, once. `make lab` needs Python 3.11 or newer and nothing else.
# ARGS is passed on: `make lab ARGS=--no-browser`, `make test ARGS="-k tensor"`.

PYTHON ?= python3
ARGS   ?=
BIN    := .venv/bin
PY     := $(BIN)/python
PIP    := $(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt
NEEDS  := requirements.txt constraints.txt pyproject.toml

# A .venv that was copied or moved here, or whose Python is gone, is made again.
STALE := $(shell test ! -e .venv || { test -x $(PY) && test "`cat .venv/made-in`" = "`pwd -P`"; } || echo stale)
# Jupyter refuses to run as root unless told to.
ROOT = $(shell test "`id -u`" = 0 && echo --allow-root)

.PHONY: help lab test book check lint pdf test-lowest test-reference models bench strip constraints clean stale

help:
	@echo "make lab             open the notebooks in JupyterLab"
	@echo "make test            run every check and every test"
	@echo "make book            build the site into _build/html"
	@echo "make check           check format, style, and types, and test the engine: under a minute"
	@echo "make pdf             print the site into _build/the-next-word.pdf"
	@echo "make test-lowest     test the engine with the oldest packages that pyproject.toml allows"
	@echo "make test-reference  compare the engine with PyTorch, and SmolLM2 with transformers"
	@echo "make models          train the checkpoints in helpers/shipped again"
	@echo "make bench           measure the engine next to PyTorch and transformers, and the widgets in a browser"
	@echo "make strip           remove results from the notebooks before a commit"
	@echo "make constraints     resolve constraints.txt again (ARGS=--upgrade for the newest versions)"
	@echo "make clean           remove everything that the other commands made, .venv too"

lab: .venv/jupyter.done
	$(PY) -m jupyterlab $(ROOT) --LabApp.default_url=/lab/tree/notebooks/01_next_word.ipynb $(ARGS)

book: .venv/jupyter.done
	$(BIN)/jupyter-book build . -W --keep-going $(ARGS)
	@echo "The book is ready. Open $(CURDIR)/_build/html/index.html"

pdf: book .venv/dev.done
	@$(PY) -m tools.chromium
	$(PY) -m tools.pdf

lint: .venv/dev.done
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	$(PY) -m tools.typescript

check: lint
	$(PY) -m pytest -q tests/engine $(ARGS)

test: lint
	@$(PY) -m tools.chromium
	$(PY) -m pytest -q tests -n 2 --dist loadfile $(ARGS)

test-lowest: .venv/dev.done
	@$(BIN)/uv venv --quiet --clear --seed --python $(PY) .venv-lowest
	@echo "Installing the oldest allowed packages into .venv-lowest"
	@$(BIN)/uv pip install --quiet --python .venv-lowest --resolution lowest-direct -r requirements-dev.txt
	.venv-lowest/bin/python -m pytest -q tests/engine $(ARGS)

test-reference: .venv/reference.done
	$(PY) -m pytest -q tests -m reference $(ARGS)

models: .venv/reader.done
	$(PY) -m tools.train_models $(ARGS)

bench: .venv/reference.done
	@$(PY) -m tools.chromium
	$(PY) -m benchmarks.run $(ARGS)
	$(PY) -m benchmarks.pretrained
	$(PY) -m benchmarks.widgets
	$(PY) -m benchmarks.chat

strip: .venv/reader.done
	@$(PY) -m tools.strip

constraints: .venv/dev.done
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --no-annotate \
	  --no-emit-package the-next-word --custom-compile-command "make constraints" \
	  $(ARGS) requirements-dev.txt --output-file constraints.txt

clean:
	rm -rf .venv .venv-lowest _build build .pytest_cache .ruff_cache .mypy_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

stale: ;

# The stamps: if one is older than the files that say what to install, its packages are installed again.

.venv/made-in: $(STALE)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "$(PYTHON) is missing, or older than 3.11. Install Python 3.11 or newer, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv || \
	  { echo "$(PYTHON) can't make a virtual environment. On Debian and Ubuntu, install the package python3-venv." >&2; exit 1; }
	@pwd -P > $@

.venv/reader.done: .venv/made-in $(NEEDS)
	@echo "Installing the book's packages into .venv. This happens once and takes a few minutes."
	@$(PIP) -r requirements.txt
	@touch $@

.venv/jupyter.done: .venv/reader.done $(wildcard book/jupyter/*.py book/jupyter/labconfig/*)
	@$(PY) -m book.jupyter
	@touch $@

.venv/dev.done: .venv/reader.done requirements-dev.txt
	@echo "Installing the test tools into .venv"
	@$(PIP) -r requirements-dev.txt
	@touch $@

.venv/reference.done: .venv/dev.done requirements-reference.txt
	@echo "Installing PyTorch into .venv, for comparison"
	@$(PIP) -r requirements-reference.txt
	@touch $@
