//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package keys

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// openLocked opens a file for reading and writing, made if absent, that only this process changes until release. Where there is
// no flock, a second file that must not exist yet is the lock.
func openLocked(path string) (file *os.File, release func(), err error) {
	lock := path + ".lock"
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		held, err := os.OpenFile(lock, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			_ = held.Close()
			break
		}
		if !errors.Is(err, os.ErrExist) || time.Now().After(deadline) {
			return nil, nil, fmt.Errorf("lock the key file: %w; if no other bursar runs, remove %s", err, lock)
		}
	}
	file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		_ = os.Remove(lock)
		return nil, nil, fmt.Errorf("open the key file: %w", err)
	}
	return file, func() {
		_ = file.Close()
		_ = os.Remove(lock)
	}, nil
}
