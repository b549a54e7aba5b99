package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const versionOne = `30 20 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw
31 30 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
34 30 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
35 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`

func offering(controllers string) func(string) string {
	return func(string) string { return controllers }
}

func TestCgroupsOfTheFirstVersionAreOneMountAController(t *testing.T) {
	found, err := parseHierarchies(versionOne, offering(""))
	if err != nil {
		t.Fatal(err)
	}
	if found.unified || len(found.mounts) != 5 {
		t.Errorf("expected five mounts of version 1, got %+v", found)
	}
}

func TestCgroupsOfTheSecondVersionAreOneMount(t *testing.T) {
	found, err := parseHierarchies("30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", offering("cpuset cpu io memory hugetlb pids\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !found.unified || !slices.Equal(found.mounts, []string{"/sys/fs/cgroup"}) {
		t.Errorf("got %+v", found)
	}
}

func TestALackingControllerIsNamed(t *testing.T) {
	without := strings.ReplaceAll(versionOne, "memory", "freezer")
	if _, err := parseHierarchies(without, offering("")); err == nil || !strings.Contains(err.Error(), "no cgroup controller memory:") {
		t.Errorf("got %v", err)
	}
}

func TestRemovingACgroupLeavesItsNeighbours(t *testing.T) {
	mount := t.TempDir() // folders, like cgroups, go when they are empty
	found := &hierarchies{mounts: []string{mount}}
	for _, path := range []string{"ours/node-1/services", "ours/node-2", "theirs"} {
		if err := found.create(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := found.remove("ours", time.Second); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(mount)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 || left[0].Name() != "theirs" {
		t.Errorf("left: %v", left)
	}
	if err := found.remove("ours", time.Second); err != nil {
		t.Errorf("what is gone needs no removal: %v", err)
	}
}

func TestANewCpusetTakesItsParentsProcessors(t *testing.T) {
	mount := t.TempDir()
	write := func(path, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(mount, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(mount, path), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("cpuset.cpus", "0-1\n")
	write("ours/cpuset.cpus", "\n")
	if err := inheritCPUSet(filepath.Join(mount, "ours")); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(filepath.Join(mount, "ours", "cpuset.cpus")); err != nil || string(content) != "0-1\n" {
		t.Errorf("got %q, %v", content, err)
	}
}
