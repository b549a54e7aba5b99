package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// inContainer is the advice for a machine that turns out to be somebody's container.
const inContainer = "if this is a container, start it with --privileged --cgroupns=host"

// checkMachine tells everything that real nodes lack here, each with what to do, before anything is started.
func checkMachine(o *options) error {
	if os.Geteuid() != 0 {
		return errors.New("real nodes need root: run this with sudo, or use --simulated-node, which needs no rights")
	}
	var problems []error
	if _, err := findHierarchies(); err != nil {
		problems = append(problems, err)
	}
	node := &nodeOptions{runtime: o.runtime}
	for _, need := range []struct{ program, from string }{
		{"containerd", "the package containerd"}, {"containerd-shim-runc-v2", "the package containerd"},
		{"ctr", "the package containerd"}, {"runc", "the package runc"}, {"ip", "the package iproute2"},
		{"nft", "the package nftables"}, {"mount", "the package mount"},
	} {
		if _, err := node.find(need.program); err != nil {
			problems = append(problems, fmt.Errorf("%w: install %s", err, need.from))
		}
	}
	plugins := pluginFolder(o.runtime)
	for _, plugin := range []string{"ptp", "host-local", "loopback", "portmap"} {
		if path := filepath.Join(plugins, plugin); !exists(path) {
			problems = append(problems, fmt.Errorf("there is no %s: install the package containernetworking-plugins", path))
		}
	}
	for _, name := range []string{"mooring-node", "mooring-launcher"} {
		if _, err := executable(filepath.Join(o.nodeBinaries, name)); err != nil {
			problems = append(problems, fmt.Errorf("%w: 'build.sh --node' builds it", err))
		}
	}
	return errors.Join(append(problems, probeKernel(o))...)
}

// probeKernel tries, in namespaces that go with the process, what nodes do.
func probeKernel(o *options) error {
	if err := makeFolders(disks(o.dir)); err != nil {
		return err
	}
	command := exec.Command(self, "probe", "--dir", disks(o.dir))
	command.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig:  syscall.SIGKILL,
		Cloneflags: nodeNamespaces | syscall.CLONE_NEWNET,
	}
	var said bytes.Buffer
	command.Stderr = &said
	err := command.Run()
	if errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("this process may not make namespaces: %w: %s", err, inContainer)
	}
	if err != nil && said.Len() > 0 {
		return errors.New(strings.TrimSpace(said.String()))
	}
	return err
}

// probeCommand is the process in the namespaces; it says what fails on standard error.
func probeCommand(args []string) error {
	flags := newFlags("probe")
	dir := flags.String("dir", "", "folder of the nodes' disks")
	if err := parseFlags(flags, args, dir); err != nil {
		return err
	}
	if os.Getpid() != 1 {
		return errors.New("'probe' is for 'up' to run, in namespaces of its own")
	}
	problems := []error{
		probeOverlay(*dir),
		probeNetwork("link add probe0 type bridge", "bridges", "bridge"),
		probeNetwork("link add probe1 type veth peer name probe2", "pairs of virtual interfaces", "veth"),
		probeNftables(),
	}
	failed := false
	for _, problem := range problems {
		if problem != nil {
			failed = true
			fmt.Fprintln(os.Stderr, problem)
		}
	}
	if failed {
		os.Exit(1)
	}
	return nil
}

func probeOverlay(dir string) error {
	if err := mountAt("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("%w: %s", err, inContainer)
	}
	scratch, err := os.MkdirTemp(dir, ".probe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	in := func(name string) string { return filepath.Join(scratch, name) }
	if err := makeFolders(in("lower"), in("upper"), in("work"), in("merged")); err != nil {
		return err
	}
	layers := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", in("lower"), in("upper"), in("work"))
	if err := mountAt("overlay", in("merged"), "overlay", 0, layers); err != nil {
		if known, reading := os.ReadFile("/proc/filesystems"); reading == nil && !strings.Contains(string(known), "\toverlay\n") {
			return errors.New("this kernel has no overlayfs: modprobe overlay")
		}
		return fmt.Errorf("overlayfs does not work in %s: %w: keep the state on a disk with ext4, xfs or btrfs "+
			"(MOORING_STATE, or --dir); the root of a container is none", dir, err)
	}
	return syscall.Unmount(in("merged"), 0)
}

func probeNetwork(command, what, module string) error {
	if err := ip(command); err != nil {
		return fmt.Errorf("this kernel gives us no %s: %w: modprobe %s", what, err, module)
	}
	return nil
}

// probeNftables tries the kinds of rules that kube-proxy writes.
func probeNftables() error {
	rules := `table ip probe {
	map services { type ipv4_addr . inet_proto . inet_service : verdict; }
	chain arriving {
		type nat hook prerouting priority dstnat;
		ip daddr . meta l4proto . th dport vmap @services;
	}
	chain leaving {
		type nat hook postrouting priority srcnat;
		masquerade;
	}
	chain pick {
		fib daddr type local numgen random mod 2 vmap { 0 : accept, 1 : accept };
	}
}
`
	command := exec.Command("nft", "-f", "-")
	command.Stdin = strings.NewReader(rules)
	if output, err := command.CombinedOutput(); err != nil {
		said, _, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
		return fmt.Errorf("nftables cannot do what Services need: %w: %s: modprobe nf_tables nft_nat nft_masq nft_fib_inet nft_numgen "+
			"(Linux 5.13 or newer)", err, said)
	}
	return nil
}
