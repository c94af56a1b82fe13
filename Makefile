# The two commands are `make run` and `make test`. Each makes sure of its dependencies first.
export PKG_CONFIG_PATH := $(CURDIR)/.build/deps/lib/pkgconfig:$(PKG_CONFIG_PATH)
SWIFT := swift
BINARY := .build/release/containment-chamber

.PHONY: help run build test check format bench soak clean

help:
	@echo 'make run     build and start a signer on 127.0.0.1:9000 with a fresh development key'
	@echo 'make test    build and run every test'
	@echo 'make check   what CI runs: format, lint, imports, tests, thread sanitizer'
	@echo 'make bench   speed: CPU per signature, latency of a burst, start-up, memory'
	@echo 'make soak    the long campaigns: crashes, fuzzing, malformed requests'
	@echo 'make format  rewrite the sources in the project'"'"'s format'

build:
	@scripts/bootstrap
	$(SWIFT) build --configuration release --product containment-chamber

run: build
	@scripts/run-development $(BINARY)

test:
	@scripts/bootstrap --test
	@scripts/test

check:
	@scripts/check

format:
	$(SWIFT) format format --in-place --recursive --parallel Package.swift Sources Tests Benchmarks Fuzzing

bench:
	@scripts/bootstrap
	@scripts/bench

soak:
	@scripts/bootstrap --test
	@scripts/soak

clean:
	rm -rf .build
