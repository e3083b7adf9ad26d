# What can be made: `make`, without a target, lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export GO ?= go
FUZZTIME ?= 10s
BENCH ?= .

# The Ogg reader of hraban/opus is not used; without this tag its library,
# libopusfile, would have to be installed too.
export GOFLAGS := $(strip $(shell $(GO) env GOFLAGS 2>/dev/null) -tags=nolibopusfile)

# Git refuses to read a clone that belongs to somebody else; then the binary
# goes without its version.
buildvcs = $(if $(shell git rev-parse HEAD 2>/dev/null),auto,false)

# The browser tests share the two cores of a small machine with nothing else. Most
# of them wait more than they work; those that need the cores run first, one by one.
unit = $(or $(filter-out %/e2e,$(shell $(GO) list ./...)),$(error go list found no packages))

# Tests that would take minutes under the race detector.
long := ^TestLong

# How often `make chaos` kills, and what its chances follow from; 0: any.
KILLS ?= 200
SEED ?= 0

.PHONY: help setup setup-tests build demo test chaos soak overload lint fmt fuzz powerloss bench bench-report clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## record a simulated call over WebRTC into callreel-demo.mp4
	bin/callreel demo

test: setup-tests ## run all tests; all but the long ones and those with browsers under the race detector
	@status=0; \
	[ "$${CI:-}" != true ] || scripts/fuzz.sh 5s || status=1; \
	$(GO) run ./scripts/gotest "-timeout 15m -run $(long) . ./internal/resample" "-timeout 15m -p 1 -parallel 3 ./e2e/..." "-timeout 20m -p 3 -race -skip $(long) $(unit)" || status=1; \
	exit $$status

chaos: setup-tests ## kill a recording server KILLS (200) times, and see what is lost
	$(GO) test ./e2e -run '^TestChaos$$' -count=1 -timeout 3h -v -chaos.kills=$(KILLS) -chaos.seed=$(SEED)

soak: setup-tests ## a call of 24 hours in virtual time, 1000 recordings, and 30 minutes with nine people
	$(GO) test . -run '^TestLong(Call|Cycles)$$' -count=1 -timeout 3h -v -soak=24h -cycles=1000
	$(GO) test ./e2e -run '^TestSoak$$' -count=1 -timeout 1h -v -soak=30m -soak.cycles=1000

build: setup ## build bin/callreel
	$(GO) build -buildvcs=$(buildvcs) -o bin/ ./cmd/callreel

setup: ## install the system packages that a build needs and that are missing
	@scripts/setup.sh

setup-tests:
	@scripts/setup.sh --tests
	@$(GO) test -timeout 30m -run TestInstall ./internal/servertest

lint: setup bin/tools/golangci-lint ## check style, layers and formatting
	bin/tools/golangci-lint run

fmt: bin/tools/golangci-lint ## format all Go files (gofumpt)
	bin/tools/golangci-lint fmt

bin/tools/golangci-lint: scripts/tools/go.mod
	$(GO) -C scripts/tools build -buildvcs=false -o ../../bin/tools/ tool

fuzz: setup ## fuzz every fuzz target for FUZZTIME (10s)
	scripts/fuzz.sh $(FUZZTIME)

powerloss: setup ## lose the power 20 times after each operation on a spool
	$(GO) test -timeout 60m -run LongPowerLoss -losses 20 -v .

bench: setup ## run the benchmarks that match BENCH (all)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

bench-report: build ## measure callreel beside other recorders, and write docs/performance.md
	@scripts/setup.sh --bench
	bin/callreel bench report --seconds 60 --json bin/bench.json

overload: setup ## record twice what this machine carries, and check that no sound is lost
	$(GO) test -tags=nolibopusfile,overload -run TestLiveOverload -v -timeout 30m .

clean: ## remove what make built
	rm -rf bin
