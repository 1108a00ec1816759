# Every target builds the private environment it needs: a machine with Python, pip and make is enough.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# Programs that people use, in the versions we test with: 4 GB with what they need, fetched in 3 to 5 minutes.
# Fewer of them: make test-harness HARNESSES="pi codex"
SKVM_TEST_HARNESSES ?= $(HOME)/.cache/skvm-harnesses
HARNESSES ?= pi opencode claude-code codex hermes openclaw codex-acp claude-agent-acp pi-acp qwen-code jiuwenclaw
# Seconds one install may take, and all of them: a registry that hangs must not hang us.
INSTALL_LIMIT ?= 300
INSTALLS_LIMIT ?= 1200

.PHONY: quickstart test test-harness check bench soak docs pins dist sbom clean help

help:
	@echo "make quickstart    profile, compile and run an example skill on the embedded model"
	@echo "make test          every test that needs no network"
	@echo "make test-harness  install real agent programs, and run a task in each"
	@echo "make check         format, lint, types, import contracts"
	@echo "make bench         the figures in benchmarks/"
	@echo "make docs          the site in site/, and every code block of the documentation run"
	@echo "make dist          a wheel and an sdist in dist/, the same bytes from the same commit"
	@echo "make sbom          what an install holds, as CycloneDX, in dist/"
	@echo "make soak          10,000 short runs under fire, and every command against every fault"
	@echo "make pins          write requirements.txt anew from pyproject.toml"

$(STAMP): requirements.txt pyproject.toml
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || ( $(PYTHON) -m venv --clear --without-pip $(VENV) \
		&& $(PYTHON) -m pip --python $(BIN)/python install --quiet pip )
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

quickstart: $(STAMP)
	$(BIN)/skvm quickstart

test: $(STAMP)
	$(BIN)/skvm models pull smollm2-135m --quiet
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-harness: $(STAMP)
	@# One that cannot be installed here is told, and its tests are skipped with the reason.
	-timeout --kill-after=30 $(INSTALLS_LIMIT) $(BIN)/skvm harness install $(HARNESSES) \
		--timeout $(INSTALL_LIMIT) --skvm-cache "$(SKVM_TEST_HARNESSES)"
	@# Real programs have time limits of their own, which a busy machine may not meet: what fails is tried once more, alone.
	SKVM_TEST_HARNESSES="$(SKVM_TEST_HARNESSES)" $(BIN)/python -m pytest tests/harness -m harness -n 2 --dist worksteal \
		|| SKVM_TEST_HARNESSES="$(SKVM_TEST_HARNESSES)" $(BIN)/python -m pytest tests/harness -m harness -n 0 \
			--last-failed --last-failed-no-failures none

check: $(STAMP)
	$(BIN)/ruff format --check src tests benchmarks docsite
	$(BIN)/ruff check src tests benchmarks docsite
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m benchmarks

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	SKVM_DOCS_LOCAL=1 $(BIN)/python -m pytest tests/docs -n 2 --dist worksteal
	@echo "open site/index.html"

soak: $(STAMP)
	$(BIN)/python -m benchmarks.soak
	SKVM_FIRE=all $(BIN)/python -m pytest tests/fire -n 0

pins: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --extra local --extra acp --extra web --extra mcp --extra ray --extra sign --extra dev pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header -c requirements.txt pyproject.toml -o requirements-base.txt
	printf 'hatch-vcs\nhatchling\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-header -c requirements.txt - -o requirements-build.txt

# The date inside is that of the commit, so that anybody can make the same file.
dist: $(STAMP)
	rm -f dist/skvm-*
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || echo 1580601600)} \
		$(BIN)/python -m hatchling build -d dist

# What is in an install, with the hashes of every file that may be in it: of a base one, and of all there is.
sbom: $(STAMP)
	mkdir -p dist
	$(BIN)/python -W ignore -m cyclonedx_py requirements requirements-base.txt --pyproject pyproject.toml \
		--output-reproducible -o dist/sbom-base.cdx.json
	$(BIN)/python -W ignore -m cyclonedx_py requirements requirements.txt --pyproject pyproject.toml \
		--output-reproducible -o dist/sbom.cdx.json

clean:
	rm -rf $(VENV) dist build site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
