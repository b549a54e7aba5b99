package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Components by their subcommand, and by the name that their binary has in an --assets folder.
const (
	etcd              = "etcd"
	apiServer         = "apiserver"
	controllerManager = "controller-manager"
	kubeScheduler     = "scheduler"
	kwok              = "kwok"
	forwarder         = "forwarder"   // of real nodes: from the machine's loopback to their network
	volumes           = "provisioner" // of real nodes
)

var assetNames = map[string]string{
	etcd:              "etcd",
	apiServer:         "kube-apiserver",
	controllerManager: "kube-controller-manager",
	kubeScheduler:     "kube-scheduler",
	kwok:              "kwok",
}

// nodeNamespaces are a real node's own, but for its network, see launchOf.
const nodeNamespaces = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC

// errAbsent: the component's binary is not at hand.
var errAbsent = errors.New("no such binary")

// program returns how a component is called: a binary of the --assets folder, this very binary, or, for
// kwok, the binary beside it.
func (o *options) program(name string) ([]string, error) {
	if name == volumes {
		program, err := executable(filepath.Join(o.nodeBinaries, "mooring-node"))
		return append(program, "provisioner"), err
	}
	if o.assets != "" {
		return executable(filepath.Join(o.assets, assetNames[name]))
	}
	if name == kwok {
		here, err := os.Executable()
		if err != nil {
			return nil, err
		}
		return executable(filepath.Join(filepath.Dir(here), assetNames[kwok]))
	}
	if !hasComponents {
		return nil, errors.New("this binary is a launcher without components: name a folder of them with --assets")
	}
	return []string{self, name}, nil
}

func executable(path string) ([]string, error) {
	found, err := exec.LookPath(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, errAbsent)
	}
	return []string{found}, nil
}

// plan is what a start has settled: addresses and certificates.
type plan struct {
	*options
	port    int
	outside *os.File // of real nodes: the socket at that port, for the forwarder
	etcdURL string
	peerURL string
	pki     *pki
}

func (p *plan) server() string {
	return "https://" + net.JoinHostPort(p.bind, strconv.Itoa(p.port))
}

// bound is where the API server listens: for real nodes in their network, where nodes and pods find it.
func (p *plan) bound() (address string, port int) {
	if p.realNodes > 0 {
		return p.workers()[0].address, apiServerPort
	}
	return p.bind, p.port
}

// innerServer is the API server as the components see it.
func (p *plan) innerServer() string {
	address, port := p.bound()
	return "https://" + net.JoinHostPort(address, strconv.Itoa(port))
}

// components are those of this cluster, in the order of starting.
func (p *plan) components() []string {
	if p.realNodes == 0 {
		return order
	}
	names := append([]string{forwarder}, order...)
	for _, node := range p.workers() {
		names = append(names, node.name)
	}
	return append(names, volumes)
}

// launcher is this program without the control plane in it, for what runs beside each node: it is small.
func (p *plan) launcher() string { return filepath.Join(p.nodeBinaries, "mooring-launcher") }

// launchOf says how a component is run.
func (p *plan) launchOf(name string) (launch, error) {
	how := launch{patience: patience}
	if name == forwarder {
		address, port := p.bound()
		how.command = []string{p.launcher(), "forward", net.JoinHostPort(address, strconv.Itoa(port))}
		how.files = []*os.File{p.outside}
		return how, nil
	}
	if node, ok := p.node(name); ok {
		how.command = append([]string{p.launcher(), "node"}, p.nodeOptions(node).arguments()...)
		how.namespaces = nodeNamespaces
		if !node.first {
			how.namespaces |= syscall.CLONE_NEWNET
		}
		how.patience = podsGrace + time.Second
		return how, nil
	}
	program, err := p.program(name)
	how.command = append(program, p.arguments(name)...)
	// A kwok.yaml in the user's home is not for this cluster.
	how.environment = []string{"KWOK_WORKDIR=" + p.dir}
	return how, err
}

// arguments returns the flags of a component, the user's own last: of a repeated flag Kubernetes takes
// the last.
func (p *plan) arguments(name string) []string {
	switch name {
	case etcd:
		return append(p.etcdArguments(), p.extra[etcd]...)
	case apiServer:
		return append(p.apiServerArguments(), p.extra[apiServer]...)
	case controllerManager:
		return append(p.controllerManagerArguments(), p.extra[controllerManager]...)
	case kubeScheduler:
		return append(p.schedulerArguments(), p.extra[kubeScheduler]...)
	case volumes:
		return []string{
			"--kubeconfig=" + filepath.Join(p.dir, "provisioner.kubeconfig"),
			"--disks=" + disks(p.dir),
			"--mounted=" + nodeVolumes,
		}
	default:
		return append(p.kwokArguments(), p.extra[kwok]...)
	}
}

func (p *plan) etcdArguments() []string {
	return []string{
		"--name=mooring",
		"--data-dir=" + filepath.Join(p.dir, "etcd"),
		"--listen-client-urls=" + p.etcdURL,
		"--advertise-client-urls=" + p.etcdURL,
		// There is no peer, but etcd insists; a member that restarts with another peer address is the same.
		"--listen-peer-urls=" + p.peerURL,
		"--initial-advertise-peer-urls=" + p.peerURL,
		"--initial-cluster=mooring=" + p.peerURL,
		// A lost write matters when the machine loses power, not when the process is killed.
		"--unsafe-no-fsync=" + strconv.FormatBool(!p.fsync),
		"--log-level=warn",
	}
}

func (p *plan) apiServerArguments() []string {
	// Endpoints of a Service may not be loopback addresses: there the Service default/kubernetes stays
	// without any.
	reconciler := "lease"
	address, port := p.bound()
	if ip := net.ParseIP(address); ip == nil || ip.IsLoopback() {
		reconciler = "none"
	}
	arguments := []string{
		"--etcd-servers=" + p.etcdURL,
		"--bind-address=" + address,
		"--advertise-address=" + address,
		"--secure-port=" + strconv.Itoa(port),
		"--endpoint-reconciler-type=" + reconciler,
		"--kubelet-preferred-address-types=InternalIP",
		"--tls-cert-file=" + p.pki.path("apiserver.crt"),
		"--tls-private-key-file=" + p.pki.path("apiserver.key"),
		"--client-ca-file=" + p.pki.path("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + p.pki.path("sa.pub"),
		"--service-account-signing-key-file=" + p.pki.path("sa.key"),
		"--service-cluster-ip-range=" + p.serviceRange,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--kubelet-client-certificate=" + p.pki.path("kubelet-client.crt"),
		"--kubelet-client-key=" + p.pki.path("kubelet-client.key"),
		"--kubelet-certificate-authority=" + p.pki.path("ca.crt"),
		"--requestheader-client-ca-file=" + p.pki.path("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--proxy-client-cert-file=" + p.pki.path("front-proxy-client.crt"),
		"--proxy-client-key-file=" + p.pki.path("front-proxy-client.key"),
		"--profiling=false",
	}
	if p.auditLog != "" {
		arguments = append(arguments,
			"--audit-policy-file="+filepath.Join(p.dir, "audit-policy.yaml"),
			"--audit-log-path="+p.auditLog,
			"--audit-log-maxsize=10240", // MiB: who counts lines must not lose them to a rotation
		)
	}
	return arguments
}

// Client limits of the controllers: their defaults (20 and 50 requests a second) are for shared control
// planes, and let 400 pods take 19 s instead of 4.
var clientLimits = []string{"--kube-api-qps=1000", "--kube-api-burst=2000"}

func (p *plan) controllerManagerArguments() []string {
	arguments := append([]string{
		"--kubeconfig=" + filepath.Join(p.dir, "controller-manager.kubeconfig"),
		"--service-account-private-key-file=" + p.pki.path("sa.key"),
		"--root-ca-file=" + p.pki.path("ca.crt"),
		"--cluster-signing-cert-file=" + p.pki.path("ca.crt"),
		"--cluster-signing-key-file=" + p.pki.path("ca.key"),
		"--use-service-account-credentials=false",
		"--leader-elect=false",
		"--allocate-node-cidrs=true",
		"--cluster-cidr=" + p.podRange,
		"--secure-port=0",
	}, clientLimits...)
	if p.nodes > 0 {
		// Simulated nodes send no heartbeats (see kwokArguments): nobody may miss them.
		arguments = append(arguments, "--node-monitor-grace-period=87600h")
	}
	return arguments
}

func (p *plan) schedulerArguments() []string {
	return append([]string{
		"--kubeconfig=" + filepath.Join(p.dir, "scheduler.kubeconfig"),
		"--leader-elect=false",
		"--secure-port=0",
	}, clientLimits...)
}

func (p *plan) kwokArguments() []string {
	return []string{
		"--kubeconfig=" + filepath.Join(p.dir, "kwok.kubeconfig"),
		"--config=" + p.stages,
		"--manage-nodes-with-annotation-selector=" + fakeNodeAnnotation + "=" + fakeNodeValue,
		"--node-ip=127.0.0.1",
		// No leases: a restarted kwok would wait 40 s for the old one, and a cluster at rest would not rest.
		"--node-lease-duration-seconds=0",
		// No kubelet port: it would listen on all addresses, on one port for all clusters.
		"--node-port=0",
		"--server-address=",
	}
}
