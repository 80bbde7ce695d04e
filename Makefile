# nextitem: the commands for development. `make run` serves a demo on loopback, `make test` runs the tests.

PYTHON ?= python3
BIN := .venv/bin
DEMO_INSTALLED := .venv/.demo-installed
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Container images set this; each of the hundreds of processes that the tests start would compile its modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## list these targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

# cfn-lint checks a template against the resource types of a region. Use any region that has all of them.
LINT_REGION ?= eu-central-1
TEMPLATES := template.yaml observability/observability.yaml docs/deployer-policy.yaml
ARCHITECTURE ?= x86_64

# constraints.txt pins every package. It is a constraint file, so pip also installs a package that is missing from it.
PIP_INSTALL = $(BIN)/python -m pip install --quiet --constraint requirements/constraints.txt

# PyPI's torch for Linux is a CUDA build: with its libraries several GB. PyTorch's own index has the CPU build that
# constraints.txt names. pip looks there for torch alone, so that a machine which cannot reach it does not wait for each
# package; there a wheel in a folder of PIP_FIND_LINKS does. More --quiet than elsewhere: only errors matter.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
INSTALL_TORCH = $(PIP_INSTALL) --quiet --no-deps --retries 1 --extra-index-url $(TORCH_INDEX) torch

$(DEMO_INSTALLED): pyproject.toml requirements/constraints.txt
	@test -d .venv || $(PYTHON) -m venv .venv
	@echo "installing the packages of the demo into .venv (half a minute)"
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(PIP_INSTALL) --editable '.[devstack]'
	@touch $@

$(INSTALLED): $(DEMO_INSTALLED)
	@echo "installing the packages of development into .venv (with PyTorch; some minutes)"
	@$(INSTALL_TORCH) || { echo "There is no CPU build of torch at $(TORCH_INDEX) for this Python, or it cannot be" \
		"reached. TORCH_INDEX=URL names another index." >&2; exit 1; }
	@$(PIP_INSTALL) --editable '.[export,report,spark,tune,mlflow,devstack,container,traces,dev]'
	@touch $@

.PHONY: install
install: $(INSTALLED) ## create .venv with all packages for development

.PHONY: run
run: $(DEMO_INSTALLED) ## serve the demo on http://127.0.0.1:3000 until Ctrl-C (ONCE=1: exit after the table; ARGS=--help)
	@exec $(BIN)/python -m devstack $(ARGS)

.PHONY: test
test: export OMP_NUM_THREADS := 1  # each process would start a thread for each core
test: $(INSTALLED) ## run all tests, in four processes: they often wait (long files first: tests/conftest.py)
	@$(BIN)/python -m pytest --durations 25 --durations-min 5 --numprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: test-fast
test-fast: export OMP_NUM_THREADS := 1
test-fast: $(INSTALLED) ## run the tests that are not marked slow, in three processes: they often wait
	@$(BIN)/python -m pytest -m 'not slow' --numprocesses 3 --dist loadfile

.PHONY: test-slow
test-slow: export OMP_NUM_THREADS := 1
test-slow: $(INSTALLED) ## run the tests that are marked slow, in three processes: they often wait
	@$(BIN)/python -m pytest -m slow --durations 25 --durations-min 5 --numprocesses 3 --dist loadfile --no-loadscope-reorder

.PHONY: spark
spark: export SPARK_TESTS := all
spark: $(INSTALLED) ## run all tests of the preparation on Spark, of which `make test` leaves out many parameters
	@$(BIN)/python -m pytest tests/model_export/data/ingestion/test_spark_engine.py

.PHONY: mutants
mutants: $(INSTALLED) ## plant kept faults in a copy of the tree, and count those that the tests find (ARGS="--only TEXT")
	@$(BIN)/python -m tests.planted_faults $(ARGS)

.PHONY: check
check: $(INSTALLED) ## ruff, import contracts, mypy --strict, cfn-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=functions $(BIN)/lint-imports --no-logo
	PYTHONPATH=clients/python:. $(BIN)/lint-imports --no-logo clients/python/pyproject.toml
	$(BIN)/mypy
	$(BIN)/cfn-lint --regions $(LINT_REGION) -- $(TEMPLATES)

.PHONY: observability
observability: $(INSTALLED) ## write alarms and dashboards for CloudWatch, Prometheus and Grafana, and the tables of docs/monitoring.md and docs/howto/costs.md
	@$(BIN)/python -m observability

.PHONY: openapi
openapi: $(DEMO_INSTALLED) ## write docs/openapi.json, the API's OpenAPI document, from the service's structs and docs/api.md
	@$(BIN)/python -m devstack.openapi

.PHONY: picture
picture: $(INSTALLED) ## take docs/images/shop.png again, the README's picture, by the browser test of the shop (needs Chromium)
	@$(BIN)/python -m pytest -q tests/devstack/console/test_shop_story.py -k test_the_recommendations_follow_each_click
	@$(BIN)/python -m tests.docs.picture

.PHONY: deployer-policy
deployer-policy: $(INSTALLED) ## write docs/deployer-policy.yaml, the IAM policies of the role that deploys
	@$(BIN)/python -m devstack.deployer

.PHONY: format
format: $(INSTALLED) ## format the code and fix lint errors with ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

SITE := .build/site

.PHONY: site
site: $(INSTALLED) ## build the documentation as static pages (open .build/site/index.html); a dead link is an error
	@rm -rf $(SITE)
	@PYTHONPATH=functions:. $(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -c docsite -d .build/doctrees --fresh-env . $(SITE)

# Makes a tool's virtual environment. Wheels only: building a source package would fetch build tools without hashes.
# --no-deps, because pip refuses hashes where dependencies have extras; `pip check` shows that the lock is complete.
# $(1): its directory, $(2): its locked requirements.
define tool_venv
	rm -rf $(1)
	$(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install --quiet --require-hashes --no-deps --only-binary=:all: --requirement $(2)
	$(1)/bin/python -m pip check
	touch $@
endef

AUDIT := .build/audit/bin
$(AUDIT)/pip-compile: requirements/audit.txt
	$(call tool_venv,.build/audit,$<)

LOCK := CUSTOM_COMPILE_COMMAND='make lock' $(AUDIT)/pip-compile --quiet --generate-hashes --strip-extras \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host $(ARGS)
LOCKED_TOOLS := sam checkov audit release
# Dependencies of onnxruntime that inference never imports, so the function does not contain them. Traces need protobuf.
NOT_IMPORTED := flatbuffers packaging protobuf

# On Linux the CPU build of torch has a version of its own; PyPI's builds for other systems are for the CPU.
TORCH_BUILDS := 's/^torch==([0-9.]+).*/torch==\1+cpu; sys_platform == "linux"|torch==\1; sys_platform != "linux"/'

.PHONY: lock
lock: $(AUDIT)/pip-compile bench-peers ## lock the installed packages, and with hashes what ships or deploys (ARGS=--upgrade: newest)
	@packages=$$($(BIN)/python -m pip freeze --exclude-editable --exclude nextitem) && \
		{ echo '# Every package of the development environment, as tested. Written by `make lock`.'; \
		echo "$$packages" | sed -E $(TORCH_BUILDS) | tr '|' '\n'; } > requirements/constraints.txt
	@$(LOCK) --constraint requirements/constraints.txt $(NOT_IMPORTED:%=--unsafe-package %) \
		--output-file functions/requirements.txt pyproject.toml
	@$(LOCK) --constraint requirements/constraints.txt \
		--output-file functions/learning/requirements.txt functions/learning/requirements.in
	@$(LOCK) --constraint requirements/constraints.txt --extra container --extra traces \
		$(patsubst %,--unsafe-package %,$(filter-out protobuf,$(NOT_IMPORTED))) \
		--output-file functions/container/requirements.txt pyproject.toml
	@for tool in $(LOCKED_TOOLS); do \
		$(LOCK) --allow-unsafe --no-annotate --output-file requirements/$$tool.txt requirements/$$tool.in || exit 1; done

# Advisories that do not affect this project: `--ignore-vuln ID`, each with its reason.
AUDIT_SKIPS :=
# One after the other: they lock packages of the same name in different versions, which pip-audit takes for a mistake.
AUDITED := $(addsuffix requirements.txt,functions/ functions/learning/ functions/container/) $(LOCKED_TOOLS:%=requirements/%.txt)

.PHONY: audit
audit: $(AUDIT)/pip-compile ## check what ships or deploys for known vulnerabilities (needs the network)
	@failed=; for file in $(AUDITED); do \
		echo "$$file" && $(AUDIT)/pip-audit --strict --require-hashes --disable-pip $(AUDIT_SKIPS) --requirement $$file || failed="$$failed $$file"; \
	done; test -z "$$failed" || { echo "audit failed:$$failed"; exit 1; }

# $(1): the name of what ships, $(2): its locked requirements.
SBOM = $(AUDIT)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
	--output-file .build/sbom/$(1).cdx.json $(2)

.PHONY: sbom
sbom: $(AUDIT)/pip-compile ## list the packages of the function and of the container, with hashes (CycloneDX, .build/sbom)
	@mkdir -p .build/sbom
	$(call SBOM,function,functions/requirements.txt)
	$(call SBOM,container,functions/container/requirements.txt)

.PHONY: cloud
cloud: $(INSTALLED) ## deploy template.yaml into the local cloud under every strategy and store, and with planted mistakes (half an hour)
	@$(BIN)/python -m tests.cloud $(ARGS)

.PHONY: chaos
chaos: $(INSTALLED) ## inject faults into the session store under traffic and check the sessions (3 minutes; ARGS="--entry container": in front of the container)
	@$(BIN)/python -m bench.chaos $(ARGS)

.PHONY: drill
drill: $(INSTALLED) ## play the learning loop: a shop changes, a bad model takes itself back (10 minutes; ARGS=--small: see it work)
	@$(BIN)/python -m bench.drill $(ARGS)

.PHONY: bench-peers
bench-peers: $(INSTALLED) ## install what only benchmarks need: faiss, hnswlib, marisa-trie, py-spy
	@$(PIP_INSTALL) --editable '.[bench]'

.PHONY: bench
bench: bench-peers ## measure and plot every figure that the docs quote (one hour; ARGS=--small: half an hour; ARGS=--smoke: only see it work, two minutes)
	@$(BIN)/python -m bench $(ARGS)

TYPESCRIPT := clients/typescript
NODE_MODULES := $(TYPESCRIPT)/node_modules/.package-lock.json

$(NODE_MODULES): $(TYPESCRIPT)/package-lock.json
	@npm ci --prefix $(TYPESCRIPT) --ignore-scripts --no-audit --no-fund --silent

.PHONY: typescript
typescript: $(NODE_MODULES) ## write the TypeScript client's types from docs/openapi.json and build it (needs Node and npm)
	@npm run generate --prefix $(TYPESCRIPT) --silent
	@npm run build --prefix $(TYPESCRIPT) --silent

# What a release publishes; .github/workflows/release.yaml. hatchling comes from its lock, so no build fetches other code.
RELEASE_TOOLS := .build/release/bin
$(RELEASE_TOOLS)/hatchling: requirements/release.txt
	$(call tool_venv,.build/release,$<)

.PHONY: wheels
wheels: $(RELEASE_TOOLS)/hatchling ## build the wheels of nextitem and nextitem-client into .build/wheels
	@rm -rf .build/wheels
	@$(RELEASE_TOOLS)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir .build/wheels . ./clients/python

.PHONY: npm-package
npm-package: $(NODE_MODULES) ## build the TypeScript client's npm package into .build/npm (needs Node and npm)
	@rm -rf .build/npm && mkdir -p .build/npm
	@npm run build --prefix $(TYPESCRIPT) --silent
	@cd $(TYPESCRIPT) && npm pack --silent --ignore-scripts --pack-destination ../../.build/npm

DEMO := devstack/demo
EARLIER := devstack/demo_earlier
DEMO_SESSIONS ?= 20000
EARLIER_SESSIONS ?= $(shell expr $(DEMO_SESSIONS) / 4)

.PHONY: demo-model
demo-model: $(INSTALLED) ## train the demo's models on events of the shop simulator (some minutes)
	rm -rf .build/demo && mkdir -p .build/demo
	$(BIN)/nextitem simulate --sessions $(DEMO_SESSIONS) --seed 1 --types --out .build/demo/events.csv.gz --items-out .build/demo/items.csv
	$(BIN)/nextitem train .build/demo/events.csv.gz --type-column type --hidden 32 --out .build/demo/run
	$(BIN)/nextitem export .build/demo/run --items .build/demo/items.csv --out .build/demo/artifact
	rm -rf $(DEMO) && mkdir $(DEMO) && cp -r .build/demo/artifact/v* $(DEMO)/
	$(BIN)/nextitem simulate --sessions $(EARLIER_SESSIONS) --seed 2 --types --out .build/demo/earlier.csv.gz
	$(BIN)/nextitem train .build/demo/earlier.csv.gz --type-column type --hidden 16 --out .build/demo/earlier-run
	$(BIN)/nextitem export .build/demo/earlier-run --items .build/demo/items.csv --out .build/demo/earlier-artifact
	rm -rf $(EARLIER) && mkdir $(EARLIER) && cp -r .build/demo/earlier-artifact/v* $(EARLIER)/

# Targets that check and build the deployed functions.

# A new text publishes a new version. Needed if a parameter was changed elsewhere than in samconfig.toml.
RELEASE ?=

SAM := .sam-venv/bin/sam
FUNCTION_BUILD := .aws-sam/build/RecommendFunction
LEARNING_BUILD := .aws-sam/build/CollectFunction

export SAM_CLI_TELEMETRY := 0

.sam-venv: $(SAM)

$(SAM): requirements/sam.txt
	$(call tool_venv,.sam-venv,$<)

.PHONY: validate
validate: $(SAM) ## check the templates (sam validate --lint, cfn-lint)
	$(SAM) validate --lint --template-file template.yaml --region $(LINT_REGION)
	.sam-venv/bin/cfn-lint --regions $(LINT_REGION) -- $(TEMPLATES)

# tests/template/accepted.py has what we accept of Checkov's findings, for each resource with the reason.
CHECKOV := .build/checkov/bin/checkov

$(CHECKOV): requirements/checkov.txt
	$(call tool_venv,.build/checkov,$<)

# Accepted in the manifests: no limit of CPU, whose throttling is seen in p99 (11), secrets as variables, as all settings
# are (35), and what kubernetes/example adds to the base: tag (14), namespace (21), digest (43). In the Dockerfile: no
# HEALTHCHECK (DOCKER_2), which Kubernetes does not run.
ACCEPTED := CKV_K8S_11,CKV_K8S_14,CKV_K8S_21,CKV_K8S_35,CKV_K8S_43,CKV_DOCKER_2

.PHONY: checkov
checkov: $(CHECKOV) $(INSTALLED) ## check the deployed resources, the Dockerfile and the manifests against Checkov's rules
	$(CHECKOV) --directory kubernetes --framework dockerfile kubernetes --compact --quiet --skip-download \
		--skip-check $(ACCEPTED)
	$(BIN)/python -m tests.template.resolved .build/resolved
	$(CHECKOV) --directory .build/resolved --framework cloudformation --compact --quiet --skip-download

.PHONY: build
build: $(SAM) ## build the deployable functions into .aws-sam/ (ARCHITECTURE=x86_64 or arm64)
	python313=$$(devstack/build/python313.sh) && \
		ARCHITECTURE=$(ARCHITECTURE) PYTHON313=$$python313 \
		$(SAM) build --template-file template.yaml --parameter-overrides Architecture=$(ARCHITECTURE)
	.sam-venv/bin/python -m devstack.build.release .aws-sam/build --of RecommendFunction --note "$(RELEASE)" \
		template.yaml samconfig.toml
	.sam-venv/bin/python devstack/build/artifact.py $(FUNCTION_BUILD) --architecture $(ARCHITECTURE)
	.sam-venv/bin/python devstack/build/artifact.py $(LEARNING_BUILD) --architecture $(ARCHITECTURE)

IMAGE ?= nextitem

.PHONY: image
image: ## build the container's image, where Docker answers (IMAGE=nextitem)
	docker build --file kubernetes/Dockerfile --tag $(IMAGE) .

.PHONY: smoke
smoke: $(DEMO_INSTALLED) $(SAM) ## deploy, use and delete a scratch stack in your AWS account, after a question (an hour; ARGS=--help)
	@exec $(BIN)/python -m devstack.smoke $(ARGS)

.PHONY: local
local: $(DEMO_INSTALLED) ## invoke the built function with every event of events/ in AWS's container image, where Docker answers
	@$(BIN)/python -m devstack.sam_local $(SAM)

# Lambda's runtime client for Python 3.13 (/var/runtime on Lambda). devstack needs it to run a built function:
#   python -m devstack --functions-dir .aws-sam/build/RecommendFunction \
#     --python "$(devstack/build/python313.sh)" --runtime-path .build/runtime313
RUNTIME313 := .build/runtime313

.PHONY: runtime-client
runtime-client: $(RUNTIME313) ## download the runtime client that devstack needs to run a built function

$(RUNTIME313): requirements/constraints.txt
	rm -rf $@ $@.new
	python313=$$(devstack/build/python313.sh) && \
		"$$python313" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
		--only-binary=:all: --constraint requirements/constraints.txt --target $@.new awslambdaric
	mv $@.new $@
