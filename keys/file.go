package keys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// fileName is the file of a data directory that holds the keys of its gateway: one record a line, never rewritten.
const fileName = "keys.jsonl"

// File is the store of one gateway, in its data directory. A file that does not exist holds no keys.
func File(dir string) *Store {
	return &Store{Now: time.Now, log: fileLog{dir}}
}

type fileLog struct{ dir string }

func (l fileLog) path() string { return filepath.Join(l.dir, fileName) }

func (l fileLog) read(context.Context) ([]byte, error) {
	src, err := os.ReadFile(l.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	if _, _, err := read(src); err != nil {
		return nil, fmt.Errorf("key file %s: %w", l.path(), err)
	}
	return src, nil
}

// change appends one line under the file's lock.
func (l fileLog) change(_ context.Context, decide func(known []Key) ([]byte, error)) error {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	file, release, err := openLocked(l.path())
	if err != nil {
		return err
	}
	defer release()
	src, err := os.ReadFile(file.Name())
	if err != nil {
		return fmt.Errorf("read the key file: %w", err)
	}
	known, whole, err := read(src)
	if err != nil {
		return fmt.Errorf("key file %s: %w", file.Name(), err)
	}
	line, err := decide(known)
	if line == nil || err != nil {
		return err
	}
	line = append(line, '\n')
	if whole > 0 && src[whole-1] != '\n' {
		line = append([]byte{'\n'}, line...) // somebody's editor left out the last line end
	}
	return appendLine(file, whole, line)
}

// appendLine writes a line behind the whole ones and waits for the disk. What a crash left torn behind them is cut off first;
// what we fail to write whole is cut off after.
func appendLine(file *os.File, whole int, line []byte) error {
	err := file.Truncate(int64(whole))
	if err == nil {
		_, err = file.WriteAt(line, int64(whole))
	}
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		_ = file.Truncate(int64(whole))
		return fmt.Errorf("write the key file: %w", err)
	}
	if whole == 0 { // a new file's name must be on disk, too
		syncDir(filepath.Dir(file.Name()))
	}
	return nil
}

// syncDir makes a new name durable, on file systems that can.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
