# nextitem: everything a person runs. `make run` serves a demo on loopback, `make test` runs the suite.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help: ## list these targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

include build.mk

# The lock pins every package; --no-deps after it would hide one that is missing from it, so it is a constraint.
$(INSTALLED): pyproject.toml constraints.txt
	@test -d .venv || $(PYTHON) -m venv .venv
	@echo "installing into .venv (PyTorch included: some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt \
		--editable '.[export,report,prepare,spark,tune,mlflow,devstack,dev]'
	@touch $@

.PHONY: install
install: $(INSTALLED) ## make .venv with everything that development needs

.PHONY: run
run: $(INSTALLED) ## serve the demo on http://127.0.0.1:3000 until Ctrl-C (ONCE=1: exit after the table; ARGS=--help)
	@exec $(BIN)/python -m devstack $(ARGS)

.PHONY: test
test: $(INSTALLED) ## run the whole suite
	@$(BIN)/python -m pytest

.PHONY: test-fast
test-fast: $(INSTALLED) ## run the suite without the tests marked slow, in two processes (under 3 minutes)
	@$(BIN)/python -m pytest -m 'not slow' --numprocesses 2 --dist loadfile

.PHONY: check
check: $(INSTALLED) ## ruff, mypy --strict, cfn-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/cfn-lint --regions $(LINT_REGION) -- template.yaml observability.yaml

.PHONY: observability
observability: $(INSTALLED) ## write observability.yaml (alarms, dashboards) and docs/monitoring.md's tables
	@$(BIN)/python -m observability

.PHONY: format
format: $(INSTALLED) ## let ruff format and mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: lock
lock: ## write constraints.txt from what is installed now
	@{ echo '# Every package of the development environment, as tested. Written by `make lock`.'; \
	   $(BIN)/python -m pip freeze --exclude-editable --exclude nextitem | sed -E 's/^(torch==[0-9.]+)\+.*/\1/'; } > constraints.txt

.PHONY: chaos
chaos: $(INSTALLED) ## break the session store in every way under traffic, and count what that costs (3 minutes)
	@$(BIN)/python -m bench.chaos

.PHONY: bench-peers
bench-peers: $(INSTALLED) ## install what benchmarks hold us against: faiss, hnswlib, marisa-trie
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'

.PHONY: bench
bench: bench-peers ## measure every figure that the docs quote, and draw them (an hour; ARGS=--small: half of it)
	@$(BIN)/python -m bench $(ARGS)

DEMO := devstack/demo
.PHONY: demo-model
demo-model: $(INSTALLED) ## train the demo model anew from the shop simulator (some minutes)
	rm -rf .build/demo && mkdir -p .build/demo
	$(BIN)/nextitem simulate --sessions 20000 --seed 1 --out .build/demo/events.csv.gz
	$(BIN)/nextitem train .build/demo/events.csv.gz --hidden 64 --out .build/demo/run
	$(BIN)/nextitem export .build/demo/run --out .build/demo/artifact
	rm -rf $(DEMO) && mkdir $(DEMO) && cp -r .build/demo/artifact/v* $(DEMO)/
