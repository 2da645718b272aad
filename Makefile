.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
ARGS ?=
RUNS ?= reports/runs
ALLURE := reports/allure

.PHONY: help drill test test-real test-migrate test-disturbed test-versions test-browser report example example-by-file example-broken tutorial custos matrix selftest check docs site fuzz mutants bench bench-catalogue bench-prove bench-reports pin gc clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

drill: $(VENV)/.ready ## set up all that is missing, run the default drill; options by ARGS='--size medium'
	@$(VENV)/bin/drillproof run $(ARGS)

test: $(VENV)/.ready ## the tests of the harness itself: seconds, no cluster
	@$(VENV)/bin/pytest -q -n 2 $(ARGS)

test-real: $(VENV)/.ready $(ALLURE)/node_modules/.ready ## the pull path, against a registry of our own, kopia-check, the CSI driver, Allure: minutes, needs what `make drill` needs
	@cd clusters/images/kopia-check && CGO_ENABLED=0 GOTOOLCHAIN=local GOWORK=off go test -trimpath -gcflags=all=-dwarf=false .
	@cd clusters/images/csi-btrfs && CGO_ENABLED=0 GOTOOLCHAIN=local GOWORK=off go test -trimpath -gcflags=all=-dwarf=false .
	@$(VENV)/bin/pytest -q -s tests/real/real_permissions.py tests/real/real_fleet.py tests/real/real_allure.py tests/real/real_csi_control.py tests/real/real_pull.py tests/real/real_existing_cluster.py tests/real/real_existing_cluster_application.py

test-migrate: $(VENV)/.ready ## moves between two real clusters, and within one, by accounts that may just that: some 20 minutes, needs what `make drill` needs
	@DRILLPROOF_MOVE=real-migrate $(VENV)/bin/pytest -q -s tests/real/real_migrate.py $(ARGS)

test-disturbed: $(VENV)/.ready ## kill, pause and slow what a real drill stands on: its verdict must stay true; some 25 minutes, needs what `make drill` needs
	@$(VENV)/bin/pytest -q -s tests/real/real_disturbance.py $(ARGS)

report: $(ALLURE)/node_modules/.ready ## one page of all runs by Allure, with how each drill went before; other runs by RUNS=reports/matrix/DIR/runs
	@found=$$(ls -d "$(abspath $(RUNS))"/*-*/allure-results 2>/dev/null); \
	  [ -n "$$found" ] || { echo "no run in $(RUNS) has allure-results; \`make drill\` makes one, \`drillproof report RUN\` renders an old one" >&2; exit 64; }; \
	  cd $(ALLURE) && rm -rf html && node_modules/.bin/allure generate $$found && echo "report: $(ALLURE)/html/index.html"

test-versions: $(VENV)/.ready tests/versions/node_modules/.ready ## the layers of PostgreSQL and MariaDB against a real server of each version; fifteen minutes, no cluster
	@$(VENV)/bin/pytest -q tests/real/real_versions.py $(ARGS)
	@for programs in $(CURDIR)/tests/versions/node_modules/postgres-*/native/bin; do echo "$$programs" | grep -o 'postgres-[0-9]*'; \
	  PATH=$$programs:$$PATH $(VENV)/bin/pytest -q tests/workloads/test_postgres_probe.py || exit 1; done

test-browser: $(VENV)/.ready ## the pages in a real Chromium, judged by axe-core too: minutes; needs Chromium (root on Debian gets it) and npm
	@command -v chromium >/dev/null || { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq && \
	  apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || { echo "install Chromium and try again" >&2; exit 64; }
	@cd tests/real/axe && npm ci --silent --no-audit --no-fund
	@$(VENV)/bin/pytest -q tests/real/real_browser.py $(ARGS)

example: $(VENV)/.ready ## a drill of somebody else's application, as in examples/own-application: minutes, needs what `make drill` needs
	@cd examples/own-application && "$(abspath $(VENV))/bin/pytest" -q -s -p no:cacheprovider --drillproof-runs="$(abspath reports/runs)" $(ARGS)

example-by-file: $(VENV)/.ready ## a drill of somebody else's application that a file describes: minutes, needs what `make drill` needs
	@$(VENV)/bin/drillproof run namespace_loss --application examples/application-by-file/shop.toml $(ARGS)

tutorial: $(VENV)/.ready ## the tutorial "drill your own PostgreSQL", word for word: some five minutes, needs what `make drill` needs
	@$(VENV)/bin/pytest -q -s tests/real/real_tutorial.py $(ARGS)

example-broken: $(VENV)/.ready ## break the backup of an example in the ways that people do: each report must lead with the cause; some 15 minutes
	@$(VENV)/bin/pytest -q -s tests/real/real_broken_examples.py $(ARGS)

custos: $(VENV)/.ready ## the settings that Custos' charts had, on PostgreSQL, with a Keycloak to log in to; without a registry it needs Maven
	@$(VENV)/bin/drillproof run --deployment custos-shipped --stores postgres $(ARGS)

matrix: $(VENV)/.ready ## which strategies survive which disasters; hours, or fewer by ARGS='namespace_loss --stores consul'
	@$(VENV)/bin/drillproof matrix $(ARGS)

selftest: $(VENV)/.ready ## mutate what a real drill restored, in every known way: each must be detected; about 20 minutes
	@$(VENV)/bin/drillproof selftest --live $(ARGS)

fuzz: $(VENV)/.ready ## thousands of spoilt files from outside, where `make test` tries a few: some 10 minutes; fewer by FUZZ=200
	@DRILLPROOF_FUZZ=$${FUZZ:-2000} $(VENV)/bin/pytest -q -n 2 tests/workloads/test_hostile_inputs.py tests/evidence/test_hostile_runs.py tests/real/real_limits.py $(ARGS)

mutants: $(VENV)/.mutants ## change the judge in some 1,600 ways: the tests must notice each; ten minutes or more, one module by ARGS=harness/checks/backup.py
	@$(VENV)/bin/python tests/support/mutants.py $(ARGS)

check: $(VENV)/.ready ## lint, format and types
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy

docs: $(VENV)/.ready ## write the tables in docs/ from real runs: reports/sample/matrix.json
	@$(VENV)/bin/python -m docs.tables $(ARGS)

site: $(VENV)/.ready ## build the documentation as a searchable site, in site/; works offline
	@$(VENV)/bin/python docs/generate.py
	@$(VENV)/bin/sphinx-build -q -W --keep-going -b html docs site && echo "site: site/index.html"

bench: $(VENV)/.ready ## time a drill's steps, and the same steps as a bare script; writes bench.json
	@$(VENV)/bin/python -m bench.drill $(ARGS)

bench-reports: $(VENV)/.ready ## time the report of one run and the trend of 1,000; of a real drill by ARGS=reports/runs/latest
	@$(VENV)/bin/python -m bench.reports $(ARGS)

bench-catalogue: $(VENV)/.ready ## time all disasters on one cluster, then on two at once: hours; fewer by ARGS='pack_cut index_lost'
	@$(VENV)/bin/python -m bench.catalogue $(ARGS)

bench-prove: $(VENV)/.ready ## time the proof of a backup of 10 GB beside restic alone; of less by ARGS=1000 (in MB)
	@$(VENV)/bin/python -m bench.prove $(ARGS)

pin: ## set the digest of the base image of drillproof's own image: needs Docker and its registry
	@sh clusters/images/drillproof/pin.sh

gc: $(VENV)/.ready ## remove whatever earlier drills left behind
	@$(VENV)/bin/drillproof gc

clean: ## remove the Python environment (not the caches, not the runs)
	rm -rf $(VENV)

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "drillproof needs Python 3.11 or newer; say which with: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; exit 64; }
	@$(PYTHON) -m venv $(VENV) >$(VENV).log 2>&1 || \
	  { if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	      apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); \
	    else echo "no Python environment could be made; install python3-venv and try again (see $(VENV).log)" >&2; exit 64; fi; }
	@rm -f $(VENV).log
	@# The fence's tests send real packets through real rules; root on Debian gets what they need.
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && ! command -v iptables-nft >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends iptables iproute2 >/dev/null; fi
	@echo "installing the locked Python packages"
	@$(VENV)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(VENV)/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.mutants: tests/mutants.lock $(VENV)/.ready
	@$(VENV)/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r tests/mutants.lock
	@touch $@

$(ALLURE)/node_modules/.ready: NPM := --ignore-scripts
%/node_modules/.ready: %/package-lock.json
	@if ! command -v npm >/dev/null; then if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends npm >/dev/null; \
	  else echo "this needs Node.js 20 or newer with npm; install it and try again" >&2; exit 64; fi; fi
	@echo "installing the locked packages of $*"
	@cd $* && npm ci --silent $(NPM) --no-audit --no-fund
	@touch $@
