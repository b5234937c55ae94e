# Paying Attention: `make` lists the targets. Each sets up what it needs, once: see `setup`.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3.11 python3; do $$p -c "" 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
LIBRARIES := $(VENV)/.libraries
FONTS := node_modules/.fonts

# One environment for every run of a notebook and every test, so that stored outputs are the same on all
# x86-64 machines: one thread, and of the instruction sets none beyond AVX2. No bars of progress, and no
# kernel or matplotlib backend but those of .venv.
export TQDM_DISABLE := 1
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export ATEN_CPU_CAPABILITY := avx2
export ONEDNN_MAX_CPU_ISA := AVX2
export OPENBLAS_CORETYPE := Haswell
export MKL_CBWR := AVX2,STRICT
export NPY_DISABLE_CPU_FEATURES := X86_V4 AVX512_ICL AVX512_SPR
export JUPYTER_PREFER_ENV_PATH := 1
export JUPYTER_PLATFORM_DIRS := 1
unexport MPLBACKEND PYTHONPATH ATTNUTILS_SEED
# Those of them that slow the machine down, which `make bench` takes away.
PINS := ATEN_CPU_CAPABILITY ONEDNN_MAX_CPU_ISA OPENBLAS_CORETYPE MKL_CBWR NPY_DISABLE_CPU_FEATURES

.PHONY: help
help: ## this list
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## (.*)/\1|\2/' | awk -F '|' '{ printf "make %-8s %s\n", $$1, $$2 }'

.PHONY: setup
setup: $(LIBRARIES) $(FONTS) ## Python libraries into .venv, fonts into node_modules; repeated only when their lists change

$(LIBRARIES): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python found. Install Python 3.11, or say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(sys.version_info < (3, 11) and f"Paying Attention needs Python 3.11 or newer, but $(PYTHON) is {v}. Install Python 3.11, or say make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

$(FONTS): package.json package-lock.json | $(LIBRARIES)
	PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --no-audit --no-fund
	@touch $@

# What a failed build has read is forgotten, or the next one would not repeat its warnings.
.PHONY: book
book: setup ## the HTML book from the stored outputs: _build/html/index.html
	@$(BIN)/jupyter-book build . -q -W -n --keep-going || { rm -rf _build/.doctrees; exit 1; }

.PHONY: offline
offline: book ## _build/paying-attention.zip: the built book, to be read from disk
	@$(BIN)/python tools/offline.py

.PHONY: check
check: setup ## fast tests: style, imports, the package and its examples, the book's structure
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --cache-dir .import_linter_cache
	$(BIN)/pytest --quiet -n 2 --dist loadfile --cov --cov-report=term --ignore=tests/browser

# Outputs are those of Python 3.11; on later versions only the chapters' own asserts must hold.
NBVAL = $(shell $(BIN)/python -c 'import sys; print("--nbval" if sys.version_info[:2] == (3, 11) else "--nbval-lax")')

# Without a browser it says so and goes on; the reason is printed (-rs).
.PHONY: pages
pages: setup ## every page of the built book in a browser: weight, accessibility, links, search
	$(BIN)/pytest --quiet -rs tests/browser

.PHONY: test
test: check pages ## everything: check, pages, then every notebook is executed and its outputs are compared
	@if ls notebooks/*/*.ipynb >/dev/null 2>&1; \
	then $(BIN)/pytest $(NBVAL) --nbval-cell-timeout=600 -n 2 --dist loadfile notebooks; \
	else echo "There are no notebooks yet."; fi

.PHONY: lab
lab: setup ## JupyterLab
	env -u TQDM_DISABLE $(BIN)/jupyter lab

.PHONY: run
run: setup ## NB=notebooks/…/04_softmax.ipynb: execute and store the outputs (several: NB="a b")
	@test -n "$(NB)" || { echo 'Say which: make run NB=notebooks/2_mechanism/04_softmax.ipynb' >&2; exit 2; }
	@$(BIN)/python tools/run.py $(NB)

.PHONY: seeds
seeds: setup ## every claim of every chapter (or of NB=…) at seeds 0, 1, 2; writes book/claims.json
	@$(BIN)/python tools/seeds.py $(NB)

.PHONY: new
new: setup ## PART=2_mechanism NAME=05_scores: a chapter from the template
	@$(BIN)/python tools/new.py "$(PART)" "$(NAME)"

.PHONY: stamp
stamp: setup ## URL=https://…: the repository's address, into _config.yml and each chapter's first cell
	@$(BIN)/python tools/stamp.py "$(URL)"

.PHONY: bench
bench: setup ## speed and memory beside what a user would pick instead; pages beside the stock theme
	@env $(addprefix -u ,$(PINS)) $(BIN)/python benchmarks/attention.py
	@$(BIN)/python benchmarks/pages.py

.PHONY: format
format: setup ## mend the style of the Python files (notebooks are left alone)
	$(BIN)/ruff check --fix --extend-exclude '*.ipynb' .
	$(BIN)/ruff format .

.PHONY: clean
clean: ## remove what was built; .venv and node_modules stay
	rm -rf _build build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	find attnutils tests tools book notebooks -name __pycache__ -o -name .ipynb_checkpoints 2>/dev/null | xargs rm -rf
