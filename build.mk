# Checking and building what gets deployed. Included by the root Makefile; works alone as `make -f build.mk build`.

PYTHON ?= python3
ARCHITECTURE ?= x86_64
# cfn-lint checks a template against a region's resource types; any region that has them all does.
LINT_REGION ?= eu-central-1

SAM := .sam-venv/bin/sam
FUNCTION_BUILD := .aws-sam/build/RecommendFunction

export SAM_CLI_TELEMETRY := 0

.sam-venv: $(SAM)

$(SAM): .sam-requirements.txt
	rm -rf .sam-venv
	$(PYTHON) -m venv .sam-venv
	.sam-venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement .sam-requirements.txt
	touch $@

.PHONY: validate
validate: $(SAM) ## check template.yaml (sam validate --lint, cfn-lint)
	$(SAM) validate --lint --template-file template.yaml --region $(LINT_REGION)
	.sam-venv/bin/cfn-lint --regions $(LINT_REGION) -- template.yaml

.PHONY: build
build: $(SAM) ## build the deployable function into .aws-sam/ (ARCHITECTURE=x86_64 or arm64)
	python313=$$(devstack/build/python313.sh) && \
		ARCHITECTURE=$(ARCHITECTURE) PYTHON313=$$python313 \
		$(SAM) build --template-file template.yaml --parameter-overrides Architecture=$(ARCHITECTURE)
	.sam-venv/bin/python devstack/build/artifact.py $(FUNCTION_BUILD) --architecture $(ARCHITECTURE)

# Lambda's runtime client for Python 3.13, which AWS keeps in /var/runtime: with it devstack runs what was built.
#   python -m devstack --functions-dir .aws-sam/build/RecommendFunction \
#     --python "$(devstack/build/python313.sh)" --runtime-path .build/runtime313
RUNTIME313 := .build/runtime313

.PHONY: runtime-client
runtime-client: $(RUNTIME313) ## fetch the runtime client that devstack needs to run a build under Python 3.13

$(RUNTIME313): constraints.txt
	rm -rf $@ $@.new
	python313=$$(devstack/build/python313.sh) && \
		"$$python313" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
		--only-binary=:all: --constraint constraints.txt --target $@.new awslambdaric
	mv $@.new $@
