PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup walk test bench lint clean

help:
	@echo "make walk   walk through a remembered scene in a real ComfyUI server: output/walk.mp4, walk.png, walk.json, scene_walk.png"
	@echo "make bench  run the benchmarks: benchmarks/results/<machine>.json, tables and plots; tables go into the README"
	@echo "make test   lint, then run every test, those in a real ComfyUI server included"

setup:
	@$(PYTHON) .ci/setup_host.py

walk: setup
	@$(BIN)/python .ci/walk.py

test: lint
	$(BIN)/pytest -q

bench: setup
	@$(BIN)/python benchmarks/run.py

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check

clean:
	rm -rf .venv .host output .pytest_cache .ruff_cache .hypothesis
