package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// hierarchies are the cgroup file systems of this machine: one with cgroup v2, one a controller with v1.
type hierarchies struct {
	mounts  []string
	unified bool
}

// What kubelet cannot do without; see cm.getCgroupRequirements in its sources.
var neededControllers = []string{"cpu", "cpuacct", "cpuset", "memory", "pids"}

// findHierarchies reads the mounts of this process.
func findHierarchies() (*hierarchies, error) {
	content, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return parseHierarchies(string(content), func(mount string) string {
		controllers, err := os.ReadFile(filepath.Join(mount, "cgroup.controllers"))
		if err != nil {
			return "" // a hierarchy that does not tell has none to give
		}
		return string(controllers)
	})
}

// parseHierarchies takes mountinfo apart (proc_pid_mountinfo(5)); controllers tells those of a cgroup2 mount.
func parseHierarchies(mountinfo string, controllers func(mount string) string) (*hierarchies, error) {
	found := new(hierarchies)
	var have []string
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(line, " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if len(fields) < 5 || len(rest) < 3 {
			continue
		}
		switch rest[0] {
		case "cgroup":
			have = append(have, strings.Split(rest[2], ",")...)
		case "cgroup2":
			offered := strings.Fields(controllers(fields[4]))
			if slices.Contains(offered, "memory") {
				found.unified = true
				have = append(offered, "cpuacct") // part of v2's cpu
			}
		default:
			continue
		}
		found.mounts = append(found.mounts, fields[4])
	}
	var lacking []string
	for _, name := range neededControllers {
		if !slices.Contains(have, name) {
			lacking = append(lacking, name)
		}
	}
	if len(lacking) > 0 {
		return nil, fmt.Errorf("no cgroup controller %s: mount the cgroups at /sys/fs/cgroup, and boot without cgroup_disable=",
			strings.Join(lacking, ", "))
	}
	return found, nil
}

// create makes the cgroup in every hierarchy, with what its children need to limit anything.
func (h *hierarchies) create(path string) error {
	for _, mount := range h.mounts {
		at := mount
		for _, name := range strings.Split(strings.Trim(path, "/"), "/") {
			if err := h.delegate(at); err != nil {
				return err
			}
			at = filepath.Join(at, name)
			if err := os.Mkdir(at, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("failed to make a cgroup: %w: this machine's cgroups must be writable "+
					"(in a container: --privileged --cgroupns=host)", err)
			}
			if err := inheritCPUSet(at); err != nil {
				return err
			}
		}
	}
	return nil
}

// delegate lets the children of a cgroup v2 use its controllers.
func (h *hierarchies) delegate(at string) error {
	content, err := os.ReadFile(filepath.Join(at, "cgroup.controllers"))
	if !h.unified || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	file := filepath.Join(at, "cgroup.subtree_control")
	for _, name := range strings.Fields(string(content)) {
		if err := os.WriteFile(file, []byte("+"+name), 0); err != nil && slices.Contains(neededControllers, name) {
			return fmt.Errorf("failed to hand the controller %s down from %s: %w: if this is a container, "+
				"start it with --privileged --cgroupns=host", name, at, err)
		}
	}
	return nil
}

// inheritCPUSet: a new cpuset of cgroup v1 holds no CPU, and takes no process before it has some.
func inheritCPUSet(at string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := os.ReadFile(filepath.Join(at, name))
		if errors.Is(err, fs.ErrNotExist) || err == nil && strings.TrimSpace(string(own)) != "" {
			continue
		}
		if err != nil {
			return err
		}
		parents, err := os.ReadFile(filepath.Join(filepath.Dir(at), name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // v2, where an empty set means the parent's
		}
		if err != nil {
			return err
		}
		if len(strings.TrimSpace(string(parents))) == 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(at, name), parents, 0); err != nil {
			return err
		}
	}
	return nil
}

// enter moves this process, and so what it starts, into the cgroup.
func (h *hierarchies) enter(path string) error {
	for _, mount := range h.mounts {
		if err := os.WriteFile(filepath.Join(mount, path, "cgroup.procs"), []byte("0"), 0); err != nil {
			return fmt.Errorf("failed to enter a cgroup: %w", err)
		}
	}
	return nil
}

// processes lists what runs in the cgroup and below.
func (h *hierarchies) processes(path string) []int {
	seen := map[int]bool{}
	for _, mount := range h.mounts {
		// A cgroup that goes away while we look has no processes.
		_ = filepath.WalkDir(filepath.Join(mount, path), func(at string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.IsDir() {
				return nil //nolint:nilerr
			}
			content, err := os.ReadFile(filepath.Join(at, "cgroup.procs"))
			if err != nil {
				return nil //nolint:nilerr
			}
			for _, field := range strings.Fields(string(content)) {
				var pid int
				if _, err := fmt.Sscan(field, &pid); err == nil && pid > 0 {
					seen[pid] = true
				}
			}
			return nil
		})
	}
	pids := make([]int, 0, len(seen))
	for pid := range seen {
		pids = append(pids, pid)
	}
	return pids
}

// remove ends what still runs in the cgroup, which is nobody's but its owner's, and removes it.
func (h *hierarchies) remove(path string, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		err := h.removeOnce(path)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("failed to remove the cgroup %s: %w", path, err)
		}
		for _, pid := range h.processes(path) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended just now
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (h *hierarchies) removeOnce(path string) error {
	var failures []error
	for _, mount := range h.mounts {
		var folders []string
		err := filepath.WalkDir(filepath.Join(mount, path), func(at string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && entry.IsDir() {
				folders = append(folders, at)
			}
			return err
		})
		failures = append(failures, err)
		slices.Reverse(folders) // children first
		for _, folder := range folders {
			if err := syscall.Rmdir(folder); err != nil && !errors.Is(err, syscall.ENOENT) {
				failures = append(failures, fmt.Errorf("%s: %w", folder, err))
			}
		}
	}
	return errors.Join(failures...)
}
