package main

import (
	"testing"
	"time"
)

func TestEachNodeHasARangeOfPodsOfItsOwn(t *testing.T) {
	o := &options{dir: "/state", podRange: "10.244.0.0/16", realNodes: 3}
	seen := map[string]bool{}
	for _, node := range o.workers() {
		if seen[node.pods] || seen[node.address] {
			t.Errorf("%s shares %s or %s", node.name, node.pods, node.address)
		}
		seen[node.pods], seen[node.address] = true, true
	}
	if !seen["10.244.0.0/24"] || !seen["10.244.2.0/24"] {
		t.Errorf("got %v", seen)
	}
}

func TestStateDirectoriesHaveCgroupsOfTheirOwn(t *testing.T) {
	if cgroupOf("/a") == cgroupOf("/b") {
		t.Error("two clusters would remove each other's cgroups")
	}
	if cgroupOf("/a") != cgroupOf("/a") {
		t.Error("the next start would not find what a killed one left")
	}
}

func TestALeaseOfAnEarlierStartIsNotTakenForThisOne(t *testing.T) {
	since := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	if err := isRenewed([]byte(`{"spec":{"renewTime":"2026-11-23T08:59:59.900000Z"}}`), since); err == nil {
		t.Error("the node was taken for one that has started")
	}
	if err := isRenewed([]byte(`{"spec":{"renewTime":"2026-11-23T09:00:00.100000Z"}}`), since); err != nil {
		t.Error(err)
	}
}

func TestNodesOfTheOtherKindAreRefused(t *testing.T) {
	dir := t.TempDir()
	if err := makeFolders(dir + "/etcd"); err != nil {
		t.Fatal(err)
	}
	if err := (state{Nodes: []string{"node-1"}}).write(dir); err != nil {
		t.Fatal(err)
	}
	if err := (&options{dir: dir}).checkKind(); err == nil {
		t.Error("a cluster of real nodes was gone on with without them")
	}
	if err := (&options{dir: dir, realNodes: 2}).checkKind(); err != nil {
		t.Error(err)
	}
}

func TestOperandsFollowTheFlags(t *testing.T) {
	var dir string
	flags := newFlags("load")
	flags.StringVar(&dir, "dir", "", "")
	operands, err := parseWithOperands(flags, []string{"--dir", "/state", "a.tar", "b.tar"}, &dir)
	if err != nil || len(operands) != 2 || dir != "/state" {
		t.Errorf("got %v, %v, %s", operands, err, dir)
	}
}
