package main

import (
	"runtime"
	"sync"
)

// parallel calls f for every index below n, on all cores, which take grain of them at a time. Calls must not depend on each other: then the outcome is the same on any number
// of cores, floating point included.
func parallel(n, grain int, f func(i int)) {
	var (
		workers sync.WaitGroup
		lock    sync.Mutex
		next    int
	)
	for range min(runtime.GOMAXPROCS(0), (n+grain-1)/grain) {
		workers.Go(func() {
			for {
				lock.Lock()
				first := next
				next += grain
				lock.Unlock()
				if first >= n {
					return
				}
				for i := first; i < min(first+grain, n); i++ {
					f(i)
				}
			}
		})
	}
	workers.Wait()
}

// blocks cuts n things into parts whose number does not depend on the machine, for sums that are added up part by part.
func blocks(n int) [][2]int {
	const parts = 64
	var cuts [][2]int
	for i := range parts {
		if first, end := i*n/parts, (i+1)*n/parts; first < end {
			cuts = append(cuts, [2]int{first, end})
		}
	}
	return cuts
}
