.DEFAULT_GOAL := help
SHELL := bash

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: ## the newcomer's first minute: simulated traffic through a real gateway
	go run ./cmd/bursar demo

test: ## every test that needs nothing installed
	go test ./...

check: lint ## lint, then all tests with the race detector
	go test -race ./...

lint: bin/staticcheck bin/gofumpt ## go vet, staticcheck, gofumpt
	go vet ./...
	bin/staticcheck ./...
	@out=$$(bin/gofumpt -l .); [ -z "$$out" ] || { echo "gofumpt: run 'make fmt' for:"; echo "$$out"; exit 1; }

fmt: bin/gofumpt ## format
	bin/gofumpt -w .

bin/staticcheck bin/gofumpt: tools/go.mod
	go -C tools build -o ../bin/ honnef.co/go/tools/cmd/staticcheck mvdan.cc/gofumpt

generate: ## the JSON schema and the policy reference
	go generate ./...

bench: ## benchmarks of the hot path, with allocations
	go test -run '^$$' -bench . -benchmem ./pricing ./tokens ./internal/jsonspan ./prompt ./policy ./router ./budget ./cache ./ledger ./providers ./proxy

.PHONY: help run test check lint fmt generate bench
