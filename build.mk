# Checking and building what gets deployed. Included by the root Makefile; works alone as `make -f build.mk build`.

PYTHON ?= python3
ARCHITECTURE ?= x86_64
# cfn-lint checks a template against a region's resource types; any region that has them all does.
LINT_REGION ?= eu-central-1

# Any new text publishes a new version, for a parameter that was changed elsewhere than in samconfig.toml.
RELEASE ?=

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
validate: $(SAM) ## check template.yaml and observability.yaml (sam validate --lint, cfn-lint)
	$(SAM) validate --lint --template-file template.yaml --region $(LINT_REGION)
	.sam-venv/bin/cfn-lint --regions $(LINT_REGION) -- template.yaml observability.yaml

# Checkov's rules that do not hold here, and why not:
#   CKV_AWS_18   the bucket's access log: CloudTrail's data events are the account's choice
#   CKV_AWS_111  "*" of X-Ray and of network interfaces; each is listed in tests/template/permissions.py
#   CKV_AWS_115  reserved concurrency is a parameter; the other functions run once a release or a rotation
#   CKV_AWS_116  no function is invoked asynchronously by an event source that could lose one
#   CKV_AWS_117  the hook and the rotation speak to AWS alone; managed instances are in the VPC by their provider
#   CKV_AWS_173  no environment variable holds a secret
CHECKOV := .build/checkov/bin/checkov
CHECKOV_SKIPS := CKV_AWS_18,CKV_AWS_111,CKV_AWS_115,CKV_AWS_116,CKV_AWS_117,CKV_AWS_173

$(CHECKOV): .checkov-requirements.txt
	rm -rf .build/checkov
	$(PYTHON) -m venv .build/checkov
	.build/checkov/bin/python -m pip install --quiet --disable-pip-version-check --requirement .checkov-requirements.txt
	touch $@

.PHONY: checkov
checkov: $(CHECKOV) ## check what the template deploys against Checkov's rules (needs `make install`)
	.venv/bin/python -m tests.template.resolved .build/resolved
	$(CHECKOV) --directory .build/resolved --framework cloudformation --compact --quiet --skip-download \
		--skip-check $(CHECKOV_SKIPS)

.PHONY: build
build: $(SAM) ## build the deployable functions into .aws-sam/ (ARCHITECTURE=x86_64 or arm64)
	python313=$$(devstack/build/python313.sh) && \
		ARCHITECTURE=$(ARCHITECTURE) PYTHON313=$$python313 \
		$(SAM) build --template-file template.yaml --parameter-overrides Architecture=$(ARCHITECTURE)
	.sam-venv/bin/python -m devstack.build.release .aws-sam/build --of RecommendFunction --note "$(RELEASE)" \
		template.yaml samconfig.toml
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
