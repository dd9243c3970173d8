# Thin on purpose: what the targets do stands in package.json and in the programs that they run.
SHELL := /bin/bash
NPM := npm --loglevel=error

.PHONY: demo test verify clean setup

demo: setup ## everything from nothing: a cluster, the operator, releases under load
	@$(NPM) run -s demo

test: setup ## every test, the end-to-end ones on a real cluster
	@$(NPM) run -s test

verify: setup ## every static check
	@$(NPM) run -s verify

clean: ## stop and remove what the others made; the caches stay
	@$(NPM) run -s clean

setup:
	@scripts/setup.sh
