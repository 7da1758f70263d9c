.DEFAULT_GOAL := help
.PHONY: help demo demo-linux install test guest-kernel fuzz bench instructions lint fmt clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## run a guest with every exit to userspace recorded, and show where its time went
	@.ci/packages demo
	@.ci/demo

demo-linux: ## boot Linux with a disk and a network, recorded, and show each request and the pings in stages (root)
	@.ci/packages demo-linux
	@.ci/guest-kernel
	@.ci/demo-linux

install: ## build for release and install below PREFIX (/usr/local): programs, manual pages, completions
	@.ci/packages install
	@DESTDIR="$(DESTDIR)" .ci/install "$(or $(PREFIX),/usr/local)" "$(BUILT)"

test: ## build everything and run all tests
	@.ci/packages test
	@.ci/test

guest-kernel: ## build the small Linux kernel that tests boot, into .cache/guest-kernel (about 6 minutes, once)
	@.ci/guest-kernel

fuzz: ## hunt for input that crashes, hangs or misleads the reader and the devices (FUZZ_SECONDS=3600 in all)
	@.ci/fuzz $(or $(FUZZ_SECONDS),3600)

bench: ## measure exits, booting, disk, network, kicks, tracepoints and trace reading beside their peers (BENCH=options for analysis/bench/bench.py)
	@.ci/packages bench
	@.ci/guest-kernel
	@python3 analysis/bench/bench.py $(BENCH)

instructions: ## count the VMM's instructions for an exit and the analyzer's for an event against those committed (valgrind)
	@.ci/packages instructions
	@.ci/instructions

lint: ## check formatting and the rules of this repository
	@.ci/lint

fmt: ## format the Swift sources in place
	@swift format --in-place --parallel --recursive Package.swift Sources Tests

clean: ## remove everything that was built or recorded here
	@rm -rf .build .build-* .cache
