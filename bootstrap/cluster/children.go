package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// children are the processes of a PID namespace's first one, which inherits every orphan there and must
// reap them: so it alone waits, for all, and exec.Cmd.Wait is not to be called.
type children struct {
	mutex sync.Mutex
	known map[int]*child
}

// child is a process that was started here.
type child struct {
	command *exec.Cmd
	ended   chan struct{}
	status  syscall.WaitStatus // to be read after ended
}

func newChildren() *children {
	c := &children{known: map[int]*child{}}
	go c.reap()
	return c
}

func (c *children) start(command *exec.Cmd) (*child, error) {
	// Held until the process is known: it might end before.
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err := command.Start(); err != nil {
		return nil, err
	}
	started := &child{command: command, ended: make(chan struct{})}
	c.known[command.Process.Pid] = started
	return started, nil
}

func (c *children) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if errors.Is(err, syscall.ECHILD) {
			time.Sleep(10 * time.Millisecond)
		}
		if err != nil {
			continue
		}
		c.mutex.Lock()
		if ended := c.known[pid]; ended != nil {
			ended.status = status
			close(ended.ended)
			delete(c.known, pid)
		}
		c.mutex.Unlock()
	}
}

// freeze stops a service where it is: the kernel ends it soon.
func (c *children) freeze(subcommand string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for pid, started := range c.known {
		if len(started.command.Args) > 1 && started.command.Args[1] == subcommand {
			_ = syscall.Kill(pid, syscall.SIGSTOP) // it may have ended just now
		}
	}
}

// containerProcesses are the first processes of containers, those whose parent is a shim of containerd.
func containerProcesses() []int {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	names, parents := map[int]string{}, map[int]int{}
	for _, folder := range folders {
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(folder, "stat"))
		if err != nil {
			continue // gone
		}
		// proc_pid_stat(5): pid (name) state parent; the name may hold anything.
		start, end := strings.IndexByte(string(stat), '('), strings.LastIndexByte(string(stat), ')')
		var state string
		var parent int
		if start < 0 || end < start {
			continue
		}
		if _, err := fmt.Sscan(string(stat[end+1:]), &state, &parent); err != nil || state == "Z" {
			continue
		}
		names[pid], parents[pid] = string(stat[start+1:end]), parent
	}
	var found []int
	for pid, parent := range parents {
		if strings.HasPrefix(names[parent], "containerd-shim") {
			found = append(found, pid)
		}
	}
	return found
}
