# The project's commands. `make run` and `make test` are the whole set-up: each makes what it needs in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AUDIT := $(VENV)/audit
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Each start of the service would compile all modules again: 0.6 of its 2.3 seconds of processor time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-programs test-cluster test-rest test-fast check lint types torture audit tables bench shots clean

run: $(VENV)/.run
	@$(BIN)/media-service serve

# Three parts side by side, because tests wait for a third of their time: the browser's and those of other programs, one
# after the other, because several browsers on two processors exceed their tests' timeouts; those of slow lines and of
# nodes, and those of HTTP once more over PostgreSQL and S3; all others, two at a time. Each part prints when it ends.
# Then, alone, those that measure how long others wait. The tests of a file share its servers. What is marked long is
# left to `make torture`.
# What fails in one of the three is run once more: a fault fails again, a deadline on a busy machine does not.
SHORT := -m 'not alone and not long'
run_tests = $(BIN)/pytest $(2) -o cache_dir=.pytest_cache/$(1) \
	|| $(BIN)/pytest $(2) -o cache_dir=.pytest_cache/$(1) --last-failed --last-failed-no-failures none
BY_TWO := --numprocesses 2 --dist loadfile --no-loadscope-reorder
PROGRAMS := $(addprefix tests/,browser clients proxies)
NODES := $(addprefix tests/,lines cluster migration commands)
test: $(VENV)/.test
	@$(MAKE) --no-print-directory --jobs=3 --keep-going --output-sync=target test-programs test-cluster test-rest
	$(BIN)/pytest -m alone tests/browser tests/torture

test-programs:
	$(call run_tests,programs,$(SHORT) $(PROGRAMS))

test-cluster:
	$(call run_tests,nodes,$(SHORT) $(NODES))
	$(call run_tests,cluster,--cluster $(SHORT) tests/http)

test-rest:
	$(call run_tests,rest,$(SHORT) $(addprefix --ignore ,$(PROGRAMS) $(NODES)) $(BY_TWO))

# What tells in a few minutes whether a change is sound: no browser, no other clients, no kills, no long searches.
test-fast: $(VENV)/.test
	$(BIN)/pytest -m 'not slow' --numprocesses 2 --dist loadfile

check: lint types test

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy
	npx --yes --package typescript@7.0.2 tsc --project tsconfig.json

# The long form of what `make test` does shortly: 200 kills while receiving, 200 while finishing and 200 of any process
# of several receivers, 20 power cuts, ten seconds of each attack, a minute without a line, 200,000 requests of the
# fuzzer from a seed of their own, 100 kills of two nodes, PostgreSQL and the S3 server.
torture: $(VENV)/.test
	KILLS=200 FINISHING_KILLS=200 TRASH_KILLS=50 CHAOS=200 CUTS=20 ATTACK=10 FUZZ=200000 FUZZ_SEED=$$(date +%s) $(BIN)/pytest tests/torture
	CLUSTER_CHAOS=100 $(BIN)/pytest tests/cluster/test_chaos.py
	OFFLINE=58 $(BIN)/pytest tests/browser -k offline
	PRODUCTS=all $(BIN)/pytest tests/browser/test_axe.py tests/media/test_players.py
	PRODUCTS=all $(BIN)/pytest --cluster tests/http/security/test_roles.py
	$(BIN)/pytest -m long

# Known advisories: those in tests/advisories.toml, which `make check` looks at too, and those of the database that
# pip-audit asks. It writes no report where it cannot reach that.
audit: $(VENV)/.test
	$(BIN)/pytest -q tests/test_advisories.py
	@test -x $(AUDIT)/bin/pip-audit || { $(PYTHON) -m venv $(AUDIT) && $(AUDIT)/bin/pip install --quiet --disable-pip-version-check pip-audit; }
	@rm -f $(AUDIT)/report.json; $(AUDIT)/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip \
		--timeout 15 --progress-spinner off --format json --output $(AUDIT)/report.json 2>$(AUDIT)/errors; status=$$?; \
	if [ -s $(AUDIT)/report.json ]; then cat $(AUDIT)/errors; exit $$status; fi; \
	echo 'The database of advisories cannot be reached: only tests/advisories.toml was checked.'

# After a change of core/findings.py, core/errors/ or http/problems.py.
tables: $(VENV)/.test
	$(BIN)/python -m tests.support.api_tables

bench: $(VENV)/.test
	$(BIN)/python -m bench

shots: $(VENV)/.test
	$(BIN)/python -m tests.browser.shots shots

clean:
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo 'missing: Python 3.11 or newer; name it with make PYTHON=/path/to/python3 …' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo 'missing: the venv module of $(PYTHON) (Debian: apt-get install python3-venv)' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made pyproject.toml constraints.txt
	@echo 'Installing into $(VENV) … (about a minute, once)'
	@$(PIP) --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.made pyproject.toml constraints.txt
	@echo 'Installing into $(VENV), with what tests need …'
	@$(PIP) --editable '.[cluster,test]'
	@touch $@ $(VENV)/.run
