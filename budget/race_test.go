//go:build race

package budget

// slowdown is what the race detector costs, which finds nothing new in a history that one goroutine plays.
const slowdown = 5
