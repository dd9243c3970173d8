# Thin on purpose: what the targets do stands in package.json and in the programs that they run.
SHELL := /bin/bash
NPM := npm --loglevel=error

.PHONY: demo test test-all verify clean setup

demo: setup ## everything from nothing: a cluster, the operator, releases under load
	@$(NPM) run -s demo

test: setup ## all unit tests, and one test of each family on a real cluster; under 20 minutes
	@$(NPM) run -s test

test-all: setup ## every test there is; what CI runs
	@$(NPM) run -s test:all

verify: setup ## every static check
	@$(NPM) run -s verify

clean: ## stop and remove what the others made; the caches stay
	@$(NPM) run -s clean

setup:
	@scripts/setup.sh
