# 净土一张图 / Jingtu: make help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PINS := -c .ci/constraints.txt

.PHONY: help demo test lint bench fuzz clean system

help:
	@echo "make demo   从头演示：登记库、问题清单、覆盖表、离线地图 / the tour, from nothing"
	@echo "make test   装好测试所需并运行全部测试 / set up and run all tests"
	@echo "make lint   格式、类型、引用约定 / format, types, import contracts"
	@echo "make bench  性能对比（较久）/ benchmarks (long)"
	@echo "make fuzz   对各读入格式做模糊测试（FUZZ_SECONDS 秒一种）/ fuzz the readers"
	@echo "make clean  删除生成的文件 / remove what was made"

# A venv of a stock Debian python3 needs python3-venv; with root or sudo it is installed.
$(BIN)/python:
	@sh .ci/venv "$(PYTHON)" "$(VENV)"

$(VENV)/demo.stamp: pyproject.toml .ci/constraints.txt | $(BIN)/python
	$(PIP) install --quiet $(PINS) -e .
	@touch $@

$(VENV)/test.stamp: pyproject.toml .ci/constraints.txt | $(BIN)/python
	$(PIP) install --quiet $(PINS) -e ".[dev]"
	@touch $@ $(VENV)/demo.stamp

demo: $(VENV)/demo.stamp
	@$(BIN)/jingtu demo demo

system:
	@sh .ci/system

lint: $(VENV)/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: system lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

bench: $(VENV)/test.stamp
	@for script in tests/benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

FUZZ_SECONDS ?= 120
fuzz: $(VENV)/test.stamp
	@for kind in txt csv kml zip dbf xlsx geojson; do \
	  echo "== $$kind"; $(BIN)/python tests/fuzz/run.py $$kind --seconds $(FUZZ_SECONDS) || exit 1; done

clean:
	rm -rf $(VENV) demo dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
