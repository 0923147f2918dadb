# What a developer does here. Every target works on a fresh clone with Python >= 3.11 and a C compiler.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
ASAN = $(shell $(CC) -print-file-name=libasan.so)

.PHONY: build test test-c test-numpy test-check bench lint format asan ctest cross matrix sanitize fuzz faults soak clean

build: $(VENV)/ready ## an editable install with everything the tests need

$(VENV)/ready: pyproject.toml setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -e ".[test,lint]"
	touch $@

test: test-c test-numpy test-check ctest ## every backend, and the kernels alone

test-c: build
	FASTSCRATCH_BACKEND=c $(BIN)/python -m pytest

test-numpy: build
	FASTSCRATCH_BACKEND=numpy $(BIN)/python -m pytest

test-check: build
	FASTSCRATCH_BACKEND=check $(BIN)/python -m pytest

ctest: ## the kernels in C, between guard pages, on every instruction set of this machine
	$(MAKE) -C tests/c run CC="$(CC)"

bench: build ## kernels against NumPy
	$(BIN)/python -m benchmarks

lint: build
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: build
	$(BIN)/ruff check --fix -q .
	$(BIN)/ruff format -q .

# One build with both sanitizers, in a folder of its own; leaks are not looked for, since Python has its own.
asan: build ## AddressSanitizer and UndefinedBehaviorSanitizer over the kernel tests, in Python and in C
	$(BIN)/pip install -q setuptools cython numpy
	rm -rf build/asan && mkdir -p build/asan
	cp -r csrc fastscratch tests setup.py pyproject.toml README.md LICENSE build/asan/
	find build/asan -name '_c.*.so' -delete
	cd build/asan && FASTSCRATCH_SANITIZE=1 FASTSCRATCH_REQUIRE_EXT=1 $(abspath $(BIN))/python setup.py -q build_ext --inplace
	cd build/asan && LD_PRELOAD=$(ASAN) ASAN_OPTIONS=detect_leaks=0:halt_on_error=1 PYTHONPATH=. OMP_NUM_THREADS=2 \
		$(abspath $(BIN))/python -m pytest -p no:cacheprovider tests/test_parity.py
	$(MAKE) -C tests/c run-sanitized CC="$(CC)"

# The long checks; each leaves its result in docs/reliability.md. ARGS is passed on: make fuzz ARGS="idx --minutes 2"
LONG = cd tests && $(abspath $(BIN))/python -m reliability

matrix: build ## wheels for every CPython to be had, installed and tested as a user would; minutes for each
	$(LONG).matrix $(ARGS)

sanitize: build ## the whole test suite under both sanitizers on every instruction set; goes on where it was stopped
	$(LONG).sanitize $(ARGS)

cross: build ## the kernels by Clang and MinGW, on emulated processors, under Valgrind: CLANG=clang-14 names another Clang
	$(LONG).cross $(ARGS)

fuzz: build ## coverage-guided fuzzing of the parsers and of kernel arguments
	$(BIN)/pip install -q atheris
	$(LONG).fuzz $(ARGS)

faults: build ## a training that is killed 200 times; full disks, folders that go away
	$(LONG).faults $(ARGS)

MINUTES ?= 20
soak: build ## nothing grows in MINUTES of training, predicting and fitting
	$(LONG).soak $(MINUTES)

clean:
	rm -rf build dist *.egg-info fastscratch/backend/_c.c fastscratch/backend/_c.*.so
	$(MAKE) -C tests/c clean
