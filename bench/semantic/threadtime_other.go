//go:build !linux

package main

import "time"

var started = time.Now()

// threadTime is the time on the clock: other systems do not tell what a thread has used.
func threadTime() time.Duration { return time.Since(started) }
