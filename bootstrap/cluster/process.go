package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// An API server waits for the watches of its clients to end (20 s and more); a second SIGTERM after
	// this long ends it at once.
	patience = time.Second
	// killAfter is what a component gets after the second signal.
	killAfter = 20 * time.Second
)

// self is this very binary, even when a newer build has taken its place on disk since.
const self = "/proc/self/exe"

// process is one running component.
type process struct {
	name     string
	command  *exec.Cmd
	patience time.Duration
	ended    chan struct{} // closed once the process is gone
	result   error         // of Wait; to be read after ended
}

// launch says how a component is run.
type launch struct {
	command     []string
	environment []string
	namespaces  uintptr    // new ones for it (CLONE_NEW...)
	files       []*os.File // handed down, from descriptor 3 on
	patience    time.Duration
}

// startProcess runs a component with its output in NAME.log. It must be called on the thread that lives
// as long as the program does: the kernel's parent-death signal is tied to the thread that forks.
func startProcess(dir, name string, how launch) (*process, error) {
	command := how.command
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	p := &process{name: name, command: exec.Command(command[0], command[1:]...), patience: how.patience, ended: make(chan struct{})}
	if command[0] == self {
		p.command.Args[0] = "mooring-cluster" // what ps shows
	}
	p.command.Dir = dir
	p.command.Env = append(os.Environ(), how.environment...)
	p.command.ExtraFiles = how.files
	p.command.Stdout, p.command.Stderr = log, log
	p.command.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:    true, // a Ctrl-C is for us alone: we stop the components in order
		Pdeathsig:  syscall.SIGKILL,
		Cloneflags: how.namespaces,
	}
	starting := p.command.Start()
	if err := errors.Join(starting, log.Close()); err != nil {
		return nil, fmt.Errorf("failed to start %s: %w", name, err)
	}
	go func() {
		p.result = p.command.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) pid() int { return p.command.Process.Pid }

// stop ends the process, by force when it must, and waits until it is gone.
func (p *process) stop() error {
	for _, limit := range []time.Duration{p.patience, killAfter} {
		if err := p.signal(syscall.SIGTERM); err != nil {
			return err
		}
		select {
		case <-p.ended:
			return nil
		case <-time.After(limit):
		}
	}
	return errors.Join(fmt.Errorf("%s did not stop within %s and was killed", p.name, p.patience+killAfter), p.kill())
}

// kill ends the process as a crash would.
func (p *process) kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.ended
	return nil
}

func (p *process) signal(signal syscall.Signal) error {
	err := p.command.Process.Signal(signal)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
