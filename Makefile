# Everything a person does with the hub. `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Options for installing torch, such as the index of its CPU builds, which download much less on a machine without a GPU.
TORCH_OPTIONS ?=

.PHONY: help demo up down reset migrate check test bench faults contracts browser

help: ## list these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(READY) ## the whole hub with a simulated hospital, until Ctrl-C (ONCE=1: one round, then a timeline and the end)
	@exec $(BIN)/hub demo $(if $(ONCE),--once)

up: $(READY) ## every process, on the servers that HUB_BROKER_URL and HUB_*_DATABASE_URL name (others are started)
	@exec $(BIN)/hub up

down: $(READY) ## end the hub that runs here; its data stays
	@$(BIN)/hub down

reset: $(READY) ## drop the data of the hub here, for good
	@$(BIN)/hub reset $(if $(YES),--yes)

migrate: $(READY) ## bring the databases that HUB_*_DATABASE_URL name to what the code needs
	@$(BIN)/hub migrate all

check: $(READY) ## the fast half of the tests: style, types, import rules, architecture
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/architecture
	$(BIN)/python tests/architecture/reading_set.py

contracts: $(READY) ## write what the code promises into contracts, then hold the code to all its contracts
	@$(BIN)/python tests/contracts/written.py
	$(BIN)/pytest tests/contracts

test: check browser ## everything, on private servers that are started and stopped for it
	@$(BIN)/pytest --ignore tests/architecture -n 2 --dist loadgroup

bench: $(READY) ## measure throughput and latency, each beside its own limit
	@$(BIN)/python tests/benchmarks/run.py

faults: $(READY) ## a bad day: everything breaks in turn under load (about 10 minutes); fails if a study is lost or done twice
	@$(BIN)/python tests/faults/run.py

browser:
	@for name in chromium chromium-browser google-chrome; do command -v $$name > /dev/null && exit 0; done
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
	  echo "No Chromium here: the browser tests will be skipped. Install the package chromium to run them."
	  exit 0
	fi
	echo "Installing Chromium for the browser tests ..."
	install="apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core"
	export DEBIAN_FRONTEND=noninteractive
	$$install > /dev/null 2>&1 || { apt-get update -qq && $$install > /dev/null; } || \
	  echo "Chromium could not be installed: the browser tests will be skipped. Check the network."

.PHONY: manifests promtool
manifests: $(READY) ## make deploy/k8s, deploy/compose.yaml and the dashboard again from the tables of the hub
	@$(BIN)/python deploy/generate

check: promtool
promtool:
	@command -v promtool > /dev/null && command -v prometheus > /dev/null && exit 0
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
	  echo "No Prometheus here: the tests of alerts and dashboard will be skipped. Install the package prometheus to run them."
	  exit 0
	fi
	echo "Installing Prometheus for the tests of alerts and dashboard ..."
	export DEBIAN_FRONTEND=noninteractive
	install="apt-get install -qq -y --no-install-recommends prometheus"
	$$install > /dev/null 2>&1 || { apt-get update -qq && $$install > /dev/null; } || \
	  echo "Prometheus could not be installed: the tests of alerts and dashboard will be skipped. Check the network."

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
	  echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ..."
	  exit 1
	}
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || {
	  rm -rf $(VENV)
	  echo "Python cannot make a virtual environment. Install the package python3-venv, then run make again."
	  exit 1
	}
	echo "Installing the Python packages into $(VENV) (once; about a minute) ..."
	# torch first and alone: the resolver then never weighs its many builds against the rest.
	{ $(BIN)/pip install -q -c constraints.txt $(TORCH_OPTIONS) torch==2.13.0 &&
	  $(BIN)/pip install -q -c constraints.txt -e '.[all,test]'; } || {
	  echo "The Python packages could not be installed. Check the network and the free disk space (3 GB), then run make again."
	  exit 1
	}
	touch $@
