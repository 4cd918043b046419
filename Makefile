PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup walk test test-browser bench train remember lint clean

help:
	@echo "make walk   leave a room and find it again, in a real ComfyUI server: output/walk.mp4, walk.png, walk.json, loop_closure.png"
	@echo "make bench  run the benchmarks: benchmarks/results/<machine>.json, tables and plots; tables go into the README"
	@echo "make train  train a small model and its decoder on walks through rooms (minutes, proves the code); make remember measures it"
	@echo "make test   lint, then run every test, those in a real ComfyUI server included"
	@echo "make test-browser  use the pack in a real browser (needs Chromium): screenshots in output/browser;"
	@echo "                   what depends on the page also on the front-ends of .ci/front_ends.txt, or on FRONT_END=newest"

setup:
	@$(PYTHON) .ci/setup_host.py

walk: setup
	@$(BIN)/python .ci/walk.py

# one thread each: the tensors are small, and beside other work two threads mostly wait for each other
test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -q --ignore=tests/browser

test-browser: setup
	@.ci/get_chromium || { echo "Chromium is needed: install it (Debian: apt install chromium), or set CHROMIUM."; exit 1; }
	$(BIN)/pytest -q --maxfail=3 $(BROWSER_OPTIONS) tests/browser
	@$(BIN)/python .ci/front_ends.py $(FRONT_END)

bench: setup
	@$(BIN)/python benchmarks/run.py

train: setup
	$(BIN)/python training train --size small
	$(BIN)/python training decoder --size small

remember: setup
	$(BIN)/python training remember --size small --rooms 4 --seeds 1

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check

clean:
	rm -rf .venv .host output .pytest_cache .ruff_cache .hypothesis
