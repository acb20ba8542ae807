# SPDX-License-Identifier: Apache-2.0
# egresswatch: `make demo` and `make test` do everything from a bare Debian 12; the rest is for contributors.
.DEFAULT_GOAL := help
FUZZ ?= 600
SOAK ?= 100e9
STAGE ?= all
WORKLOAD ?= all
PACKETS ?= 2000000
ROUNDS ?= 3
.PHONY: help demo test setup setup-dev check lint types imports spelling test-jit test-nojit fuzz golden docs soak bench wheel clean
BIN := .venv/bin
OUT ?= demo-out
REPLAY = $(OUT)/camera-day/camera-day.pcap --set enrich.cameras=$(OUT)/camera-day/cameras.csv --out $(OUT)/result

help:            ## this list
	@grep -hE '^[a-z-]+: .*##' Makefile | sed -E 's/^([a-z-]+):[^#]*## */  make \1\t/' | expand -t 20

demo: setup      ## make the example capture of a camera network, replay it, show the verdict table
	@echo 'Compiling the kernels (once; a later start takes them from their cache) ...'
	@$(BIN)/egresswatch check --warm >/dev/null
	@$(BIN)/egresswatch demo $(OUT)/camera-day
	@echo
	@echo '$$ egresswatch replay $(REPLAY)'
	@$(BIN)/egresswatch replay $(REPLAY) --force
	@echo
	@echo 'Written to $(OUT)/result:'
	@ls -l $(OUT)/result | awk 'NF > 8 {printf "  %9d bytes  %s\n", $$5, $$9}'

test: setup-dev check test-jit test-nojit  ## everything that must hold: style, types, all tests with and without compiled kernels
	@echo 'make test: all is well'

setup:           ## .venv with the program
	@scripts/setup.sh run

setup-dev:       ## .venv with the program and the test tools, tshark
	@scripts/setup.sh dev

check: lint types imports spelling  ## style, types, import order, spelling

lint: setup-dev  ## ruff
	$(BIN)/ruff check .

types: setup-dev ## mypy --strict
	$(BIN)/mypy

imports: setup-dev ## the import order of docs/design.md
	PYTHONPATH=src $(BIN)/lint-imports

spelling: setup-dev ## codespell
	$(BIN)/codespell README.md CHANGELOG.md CONTRIBUTING.md docs src tests scripts bench rules

test-jit: setup-dev ## the tests, kernels compiled
	$(BIN)/python -m pytest -q

test-nojit: setup-dev ## the tests, kernels as plain Python
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -q -m 'not jit_only'

fuzz: setup-dev  ## spoiled captures and payloads for FUZZ seconds (600), the worst shapes of traffic measured
	EGRESSWATCH_FUZZ=$(FUZZ) $(BIN)/python -m pytest -q tests/fuzz

soak: setup-dev  ## memory stays flat over SOAK bytes of a stream without an end (100e9), a flood in 1 GB
	EGRESSWATCH_SOAK=$(SOAK) $(BIN)/python -m pytest -q -s tests/soak

golden: setup-dev ## write the golden files anew (read the diff before committing it)
	EGRESSWATCH_GOLDEN=write $(BIN)/python -m pytest -q tests/golden

docs: setup-dev  ## write the generated pages anew (docs/configuration.md, docs/rules.md, docs/facts.csv, parts of README.md)
	$(BIN)/python scripts/facts.py
	$(BIN)/python scripts/write_docs.py

bench: setup-dev ## speed, half an hour; a part: STAGE=flow|replay|stages|start|workers|growth|instructions|page WORKLOAD=mixed|camera|camera_s|flood PACKETS=N
	@$(BIN)/python -m bench --stage $(STAGE) --workload $(WORKLOAD) --packets $(PACKETS) --rounds $(ROUNDS)

wheel: setup-dev ## dist/egresswatch-*.whl
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

clean:           ## remove what make made (not the outputs of your own replays)
	rm -rf .venv build dist demo-out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
