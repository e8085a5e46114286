//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package keys

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// openLocked opens a file for reading and writing, made if absent, that only this process changes until release.
func openLocked(path string) (file *os.File, release func(), err error) {
	for {
		file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, nil, fmt.Errorf("open the key file: %w", err)
		}
		if err := flock(file); err != nil {
			_ = file.Close()
			return nil, nil, fmt.Errorf("lock %s: %w; use a file system that can lock", path, err)
		}
		if stillNamed(file, path) {
			return file, func() { _ = file.Close() }, nil // closing releases the lock
		}
		_ = file.Close()
	}
}

func flock(file *os.File) error {
	for {
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// stillNamed reports whether path still names the opened file: while we waited for the lock it may have been replaced, and the lock
// of a file that is gone protects nothing.
func stillNamed(file *os.File, path string) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(opened, named)
}
