package main

import (
	"syscall"
	"time"
	"unsafe"
)

// threadTime is the processor's time that the calling thread has used so far.
func threadTime() time.Duration {
	const threadClock = 3 // CLOCK_THREAD_CPUTIME_ID
	var t syscall.Timespec
	if _, _, fault := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, threadClock, uintptr(unsafe.Pointer(&t)), 0); fault != 0 {
		return 0
	}
	return time.Duration(t.Nano())
}
