// Command mooring-cluster is a real Kubernetes control plane for laptops and tests: no Docker, no root,
// nothing but loopback. Its nodes are simulated, or real where root is to be had (see realnode.go).
//
// Each component is a subcommand that runs in a process of its own, because Kubernetes keeps feature
// gates and metric registries in process globals. "up" makes the certificates, starts the processes in
// order, and stops them in order; the other subcommands talk to a running "up" through its state
// directory.
//
//	mooring-cluster up --dir D ──▶ etcd ─▶ kube-apiserver ─▶ kube-controller-manager
//	      ▲                                               ├▶ kube-scheduler
//	      │ control.sock                                  ├▶ kwok (--simulated-node)
//	      │                                               └▶ node-1, node-2 (--real-node): containerd, kubelet, kube-proxy
//	down, status, stop, start, restart
//
// Built with the tag "launcher", the binary holds no component and depends on nothing but the standard
// library: it runs the components that --assets names (KUBEBUILDER_ASSETS).
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

const usageText = `mooring-cluster runs a real Kubernetes control plane on this machine: no Docker, no root, loopback only.

Usage:
  mooring-cluster up --dir DIR [flags]            start it; prints the kubeconfig's path when it is ready
  mooring-cluster status --dir DIR                what runs, and where (exit code 3 when it does not run)
  mooring-cluster down --dir DIR                  end it in order; what it stored is kept
  mooring-cluster restart NAME --dir DIR          stop and start one component while the rest goes on
          [--pause 3s] [--kill]                   (NAME: etcd, apiserver, controller-manager, scheduler, kwok, node-1)
  mooring-cluster stop|start NAME --dir DIR       one half of restart
  mooring-cluster kubeconfig --dir DIR --user U   issue a kubeconfig for a user
          [--groups A,B] [--out FILE]
  mooring-cluster image --out FILE --name N ...   write a container image: files, folders and layers in an archive
  mooring-cluster load --dir DIR ARCHIVE...       import images into the real nodes

Examples:
  mooring-cluster up --dir /tmp/c --simulated-node             until Ctrl-C
  mooring-cluster up --dir /tmp/c --simulated-node --detach    returns when it is ready
  mooring-cluster restart apiserver --dir /tmp/c --pause 3s
  mooring-cluster down --dir /tmp/c

'mooring-cluster up --help' lists the flags. The components are subcommands too (etcd, apiserver,
controller-manager, scheduler), with the flags that Kubernetes gives them.
`

// errUsage marks an error whose cure is to read the usage.
var errUsage = errors.New("see 'mooring-cluster --help'")

// errNotRunning is the answer of commands that need a running cluster.
var errNotRunning = errors.New("no cluster runs there")

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usageText)
		os.Exit(2)
	}
	name, args := os.Args[1], os.Args[2:]
	if runComponent(name, args) {
		return
	}
	err := dispatch(name, args)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "mooring-cluster:", err)
		os.Exit(2)
	case errors.Is(err, errNotRunning):
		fmt.Fprintln(os.Stderr, "mooring-cluster:", err)
		os.Exit(3)
	default:
		fmt.Fprintln(os.Stderr, "mooring-cluster:", err)
		os.Exit(1)
	}
}

func dispatch(name string, args []string) error {
	switch name {
	case "up":
		return upCommand(args)
	case "down":
		return downCommand(args)
	case "status":
		return statusCommand(args)
	case "stop", "start", "restart":
		return componentCommand(name, args)
	case "kubeconfig":
		return kubeconfigCommand(args)
	case "load":
		return loadCommand(args)
	case "image":
		return imageCommand(args)
	case "node":
		return nodeCommand(args)
	case "forward":
		return forwardCommand(args)
	case "probe":
		return probeCommand(args)
	case "help", "-h", "--help":
		fmt.Print(usageText)
		return nil
	default:
		return fmt.Errorf("no subcommand %q: %w", name, errUsage)
	}
}
