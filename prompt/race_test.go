//go:build race

package prompt_test

const raceEnabled = true // sync.Pool drops at random, so allocations cannot be counted
