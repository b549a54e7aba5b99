package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// lock is held by "up" for as long as it lives. The kernel releases it however the process ends, and
// tells who holds it: a pid read from a file might be anybody's by now, this one is ours.
type lock struct{ file *os.File }

// acquireLock takes the lock, or says which process has it.
func acquireLock(path string) (*lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	whole := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &whole); err != nil {
		// Closing any descriptor of a file drops this process' locks on it; here it holds none.
		closing := file.Close()
		if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
			holder, ask := lockHolder(path)
			return nil, errors.Join(fmt.Errorf("a cluster runs there already (pid %d): end it with 'down', or use another --dir", holder), ask, closing)
		}
		return nil, errors.Join(fmt.Errorf("failed to lock %s: %w", path, err), closing)
	}
	return &lock{file}, nil
}

// lockHolder returns the pid of the process that holds the lock, 0 when nobody does. Not to be asked
// by the holder itself: to the kernel its own lock is no obstacle.
func lockHolder(path string) (int, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	ask := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_GETLK, &ask); err != nil {
		return 0, fmt.Errorf("failed to ask who locks %s: %w", path, err)
	}
	if ask.Type == syscall.F_UNLCK {
		return 0, nil
	}
	return int(ask.Pid), nil
}
