//go:build unix

package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lockDir makes this process the only one that writes the ledger of a directory, until the file is closed or the process ends.
func lockDir(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("ledger: lock %s: %w", dir, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		var holder [20]byte
		n, _ := file.ReadAt(holder[:], 0)
		_ = file.Close() // it holds no lock
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("ledger: directory %s is in use by another gateway, process %s: stop it, or give this one a directory of its own",
				dir, strings.TrimSpace(string(holder[:n])))
		}
		return nil, fmt.Errorf("ledger: lock %s: %w", dir, err)
	}
	// The process id is for the message above only, so a disk that is full must not matter here.
	if file.Truncate(0) == nil {
		_, _ = fmt.Fprintln(file, os.Getpid())
	}
	return file, nil
}
