package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Real nodes live in namespaces of their own, so that the kernel itself clears up when they end, however
// they end: a node's processes are a PID namespace, whose first process takes them all with it; its mounts
// are a mount namespace; its interfaces are network namespaces that no name keeps alive. The control plane
// shares the network of the first node. Nothing of it is seen on the machine's own network: the API server
// is reached through a process that listens on loopback (see forward.go).
//
//	this machine           network of node-1                          network of node-2
//	127.0.0.1:PORT ──────▶ 10.199.0.1:6443 apiserver, kubelet, pods   eth0 10.199.0.2 kubelet, pods
//	               forward                 └────── bridge mooring0 ────────┘
const (
	nodeNetwork   = "10.199.0.%d"
	bridge        = "mooring0"
	apiServerPort = 6443
	dnsAddress    = 10 // the eleventh of the Services' range, as everywhere

	// Beyond loopback what a node's processes can reach is the other nodes; a /24 of pods a node bounds them.
	mostRealNodes = 9
)

//go:embed dns.yaml
var dnsManifest string

//go:embed storage.yaml
var storageManifest string

// realNode is a worker whose pods really run.
type realNode struct {
	name    string
	address string
	pods    string // address range of its pods
	first   bool   // it shares the network of the control plane
	disk    string // what outlives a restart of it
	cgroup  string
}

// workers are the real nodes, the first one first.
func (o *options) workers() []realNode {
	list := make([]realNode, o.realNodes)
	for i := range list {
		name := fmt.Sprintf("node-%d", i+1)
		list[i] = realNode{
			name:    name,
			address: fmt.Sprintf(nodeNetwork, i+1),
			pods:    nodePods(o.podRange, i),
			first:   i == 0,
			disk:    filepath.Join(disks(o.dir), name),
			cgroup:  filepath.Join(cgroupOf(o.dir), name),
		}
	}
	return list
}

// nodePods is the i-th /24 of the pods' range.
func nodePods(podRange string, i int) string {
	ip, _, err := net.ParseCIDR(podRange)
	if err != nil || ip.To4() == nil {
		return podRange // refused by parseUp
	}
	ip = ip.To4()
	ip[2] += byte(i)
	return ip.String() + "/24"
}

func disks(dir string) string { return filepath.Join(dir, "nodes") }

// cgroupOf names the cgroup of a state directory's nodes: the same at each start, so that what a killed
// one left is found again, and another machine's (containers may share their cgroups) is not.
func cgroupOf(dir string) string {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	digest := sha256.Sum256([]byte(host + "\x00" + dir))
	return fmt.Sprintf("mooring-%x", digest[:4])
}

// sweep removes what nodes of a state directory left behind that were killed: only cgroups can outlive them.
func sweep(dir string) error {
	found, err := findHierarchies()
	if err != nil {
		return nil //nolint:nilerr // no cgroups, no nodes
	}
	return found.remove(cgroupOf(dir), 10*time.Second)
}

// enterNetwork gives the components, which the main thread starts, a network of their own. Other threads of
// this process stay in the machine's.
func enterNetwork(o *options) error {
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		return fmt.Errorf("failed to make a network namespace: %w", err)
	}
	nodes := o.workers()
	commands := []string{
		"link set lo up",
		"link add " + bridge + " type bridge",
		"address add " + nodes[0].address + "/24 dev " + bridge,
		"link set " + bridge + " up",
		// Without a route no packet gets as far as kube-proxy's rules.
		"route add " + o.serviceRange + " dev " + bridge,
	}
	return errors.Join(ip(commands...), routePods(nodes, nodes[0]))
}

// routePods sends packets for other nodes' pods to those nodes.
func routePods(nodes []realNode, from realNode) error {
	var routes []string
	for _, node := range nodes {
		if node.name != from.name {
			// The node may not be there yet: the kernel believes us that the address is on the link.
			routes = append(routes, fmt.Sprintf("route replace %s via %s", node.pods, node.address))
		}
	}
	return ip(routes...)
}

// plugIn connects a started node to the bridge.
func plugIn(node realNode, pid int) error {
	// The kernel takes its time to clear up the network of a node that ended: the cable may still hang here,
	// or may just have gone.
	_ = ip("link delete " + node.name)
	return ip(
		fmt.Sprintf("link add %s type veth peer name eth0 netns %d", node.name, pid),
		fmt.Sprintf("link set %s master %s up", node.name, bridge),
	)
}

// ip runs commands of iproute2 in the network of the calling thread.
func ip(commands ...string) error {
	for _, command := range commands {
		if output, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", command, err, strings.TrimSpace(string(output)))
		}
	}
	return nil
}

// prepareRealNodes makes the nodes' disks and issues their certificates. Their kubeconfigs come
// later: a kubelet waits for its own, see admitNodes.
func prepareRealNodes(p *plan) error {
	for _, node := range p.workers() {
		credentials := filepath.Join(node.disk, "credentials")
		if err := errors.Join(os.RemoveAll(credentials), os.MkdirAll(credentials, 0o700)); err != nil {
			return err
		}
		certificate, key, err := p.pki.root.issue(subject("system:node:"+node.name, "system:nodes"), x509.ExtKeyUsageServerAuth, node.name, node.address)
		if err != nil {
			return err
		}
		if err := errors.Join(
			os.WriteFile(filepath.Join(credentials, "ca.crt"), p.pki.root.pem, 0o644),
			os.WriteFile(filepath.Join(credentials, "kubelet.crt"), certificate, 0o644),
			os.WriteFile(filepath.Join(credentials, "kubelet.key"), key, 0o600),
		); err != nil {
			return err
		}
	}
	return nil
}

// renewCgroup gives a node that boots an empty cgroup. Of pods' cgroups that an earlier run left, the kubelet
// would ask containerd one by one, for seconds each.
func renewCgroup(node realNode) error {
	found, err := findHierarchies()
	if err != nil {
		return err
	}
	return errors.Join(found.remove(node.cgroup, 10*time.Second), found.create(filepath.Join(node.cgroup, nodeServices)))
}

// admitNodes creates the Node objects, whose pods' ranges are thereby ours to choose, and hands the nodes
// the kubeconfigs that they wait for.
func admitNodes(ctx context.Context, p *plan, api *client) error {
	for i := p.realNodes; i < mostRealNodes; i++ { // of an earlier start with more of them
		if err := api.remove(ctx, fmt.Sprintf("/api/v1/nodes/node-%d", i+1)); err != nil {
			return err
		}
	}
	for _, node := range p.workers() {
		object := object{
			"apiVersion": "v1",
			"kind":       "Node",
			"metadata":   object{"name": node.name},
			"spec":       object{"podCIDR": node.pods, "podCIDRs": []string{node.pods}},
		}
		if err := api.create(ctx, "/api/v1/nodes", object); err != nil {
			return err
		}
		write := func(file, user string, groups ...string) error {
			content, err := p.pki.root.kubeconfig(p.innerServer(), user, groups...)
			if err != nil {
				return err
			}
			path := filepath.Join(node.disk, "credentials", file)
			if err := os.WriteFile(path+".new", content, 0o600); err != nil {
				return err
			}
			return os.Rename(path+".new", path) // whoever waits for it finds it whole
		}
		if err := errors.Join(
			write(kubeProxyConfig, "system:kube-proxy"),
			write(kubeletConfig, "system:node:"+node.name, "system:nodes"),
		); err != nil {
			return err
		}
	}
	return nil
}

// waitForRealNodes waits until each node has told that it is ready, since this start, and pods that resolve
// names can begin.
func waitForRealNodes(ctx context.Context, p *plan, api *client, since time.Time) error {
	for _, node := range p.workers() {
		if err := waitForRealNode(ctx, node, api, since); err != nil {
			return err
		}
	}
	pods := "/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns"
	if err := api.waitFor(ctx, pods, func(answer []byte) error { return dnsAnswers(answer, since) }); err != nil {
		return fmt.Errorf("the DNS server is not ready: %w", err)
	}
	return nil
}

func waitForRealNode(ctx context.Context, node realNode, api *client, since time.Time) error {
	path := "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/" + node.name
	err := api.waitFor(ctx, path, func(answer []byte) error { return isRenewed(answer, since) })
	if err == nil {
		err = api.waitFor(ctx, "/api/v1/nodes/"+node.name, isPlaceable)
	}
	if err != nil {
		return fmt.Errorf("%s is not ready, its logs are %s/*.log: %w", node.name, node.disk, err)
	}
	return nil
}

// isRenewed tells whether the kubelet of a node has spoken since then: the Node that an earlier start left
// says that it is ready, too.
func isRenewed(answer []byte, since time.Time) error {
	var lease struct {
		Spec struct{ RenewTime time.Time }
	}
	if err := json.Unmarshal(answer, &lease); err != nil {
		return err
	}
	if lease.Spec.RenewTime.Before(since) {
		return errors.New("its kubelet has not spoken yet")
	}
	return nil
}

// dnsAnswers looks for a pod of the DNS server that was started since then and is ready.
func dnsAnswers(answer []byte, since time.Time) error {
	var pods struct {
		Items []struct {
			Status struct {
				Phase             string
				ContainerStatuses []struct {
					Ready bool
					State struct {
						Running struct{ StartedAt time.Time }
						Waiting struct{ Reason, Message string }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(answer, &pods); err != nil {
		return err
	}
	last := errors.New("it has no pod yet")
	for _, pod := range pods.Items {
		for _, container := range pod.Status.ContainerStatuses {
			if container.Ready && !container.State.Running.StartedAt.Before(since.Truncate(time.Second)) {
				return nil
			}
			last = fmt.Errorf("its pod is %s %s %s", pod.Status.Phase, container.State.Waiting.Reason, container.State.Waiting.Message)
		}
	}
	return last
}

// applyAddons makes what a cluster brings with it: the DNS server and a storage class.
func applyAddons(ctx context.Context, p *plan) error {
	address, err := serviceAddress(p.serviceRange, dnsAddress)
	if err != nil {
		return err
	}
	kubectl, err := p.kubectl()
	if err != nil {
		return err
	}
	// The main thread's children live in the nodes' network: the administrator's own kubeconfig is for outside.
	run := func(arguments ...string) ([]byte, error) {
		command := exec.CommandContext(ctx, kubectl, append([]string{"--kubeconfig", filepath.Join(p.dir, "provisioner.kubeconfig")}, arguments...)...)
		command.Stdin = strings.NewReader(strings.ReplaceAll(dnsManifest, "DNS_ADDRESS", address) + "---\n" + storageManifest)
		return command.CombinedOutput()
	}
	apply := []string{"apply", "--server-side", "--force-conflicts", "--field-manager=mooring-cluster", "--validate=false", "--filename=-"}
	output, err := run(apply...)
	if err != nil && strings.Contains(string(output), "provided IP is already allocated") {
		// A start that was killed between taking the address and making the Service; the API server would notice in some minutes.
		if freed, failed := run("delete", "ipaddress", address, "--ignore-not-found"); failed != nil {
			return fmt.Errorf("failed to free the DNS server's address %s: %w: %s", address, failed, strings.TrimSpace(string(freed)))
		}
		output, err = run(apply...)
	}
	if err != nil {
		return fmt.Errorf("failed to apply the DNS server and the storage class: %w: %s", err, strings.TrimSpace(string(output)))
	}
	return nil
}

// kubectl is the one that belongs to the API server.
func (o *options) kubectl() (string, error) {
	folder := o.assets
	if folder == "" {
		here, err := os.Executable()
		if err != nil {
			return "", err
		}
		folder = filepath.Dir(here)
	}
	found, err := executable(filepath.Join(folder, "kubectl"))
	if err != nil {
		return "", err
	}
	return found[0], nil
}

// node finds a real node by its name.
func (o *options) node(name string) (realNode, bool) {
	for _, node := range o.workers() {
		if node.name == name {
			return node, true
		}
	}
	return realNode{}, false
}

func (p *plan) nodeOptions(node realNode) *nodeOptions {
	o := &nodeOptions{
		realNode: node,
		services: p.serviceRange,
		podRange: p.podRange,
		binaries: p.nodeBinaries,
		runtime:  p.runtime,
	}
	for _, other := range p.workers() {
		if other.name != node.name {
			o.others = append(o.others, other.pods+"="+other.address)
		}
	}
	return o
}

// checkKind refuses to go on with a cluster whose nodes are of the other kind: their objects would stay, and
// pods wait for them for ever.
func (o *options) checkKind() error {
	if !exists(filepath.Join(o.dir, "etcd")) || !exists(filepath.Join(o.dir, stateFile)) {
		return nil
	}
	last, err := readState(o.dir)
	if err != nil {
		return err
	}
	if (len(last.Nodes) > 0) != (o.realNodes > 0) {
		kind := map[bool]string{true: "real", false: "no real"}[len(last.Nodes) > 0]
		return fmt.Errorf("the cluster in %s has %s nodes: begin anew ('local.sh reset', or --ephemeral), or use another folder", o.dir, kind)
	}
	return nil
}

// checkRealNodes refuses what real nodes cannot do.
func (o *options) checkRealNodes() error {
	if o.realNodes > mostRealNodes {
		return fmt.Errorf("--nodes %d: at most %d real nodes: %w", o.realNodes, mostRealNodes, errUsage)
	}
	ip, network, err := net.ParseCIDR(o.podRange)
	if err != nil || ip.To4() == nil {
		return fmt.Errorf("--pod-cidr %q is no IPv4 range: %w", o.podRange, errUsage)
	}
	if length, _ := network.Mask.Size(); length > 20 {
		return fmt.Errorf("--pod-cidr %q: real nodes take a /24 each of a /20 or larger: %w", o.podRange, errUsage)
	}
	if o.nodeBinaries == "" {
		return fmt.Errorf("--real-node needs --node-binaries: %w", errUsage)
	}
	return nil
}
