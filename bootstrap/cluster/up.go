package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// The kernel ends the components when the thread that started them is gone: keep the main goroutine,
// which starts them all, on the main thread.
func init() { runtime.LockOSThread() }

// options is what the user of "up" wants.
type options struct {
	dir          string
	bind         string
	port         int
	serviceRange string
	podRange     string
	nodes        int // simulated
	realNodes    int
	nodeBinaries string
	runtime      string
	stages       string
	assets       string
	auditLog     string
	fsync        bool
	ephemeral    bool
	stdin        bool
	detach       bool
	extra        map[string]list
}

// auditPolicy: one line a request, once it is answered, without bodies.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

func parseUp(args []string) (*options, error) {
	o := &options{extra: map[string]list{}}
	flags := newFlags("up")
	flags.StringVar(&o.dir, "dir", "", "state directory; kept: a second up goes on with the same cluster (required)")
	flags.StringVar(&o.bind, "bind", "127.0.0.1", "address of the API server; any but loopback opens it to the network")
	flags.IntVar(&o.port, "port", 0, "port of the API server (default: that of the last run, or a free one)")
	flags.StringVar(&o.serviceRange, "service-cidr", "10.96.0.0/16", "address range of Services")
	flags.StringVar(&o.podRange, "pod-cidr", "10.244.0.0/16", "address range of pods, a /24 a node")
	simulated := flags.Bool("simulated-node", false, "run kwok and a node of its: pods become ready and Jobs complete, nothing really runs")
	actual := flags.Bool("real-node", false, "run containerd, kubelet and kube-proxy, in namespaces of their own: pods really run (Linux, root)")
	nodes := flags.Int("nodes", 1, "how many of them")
	flags.StringVar(&o.nodeBinaries, "node-binaries", "", "real nodes: folder of mooring-node and its images (see build.sh --node)")
	flags.StringVar(&o.runtime, "runtime", "", "real nodes: folder where the packages of containerd, runc and the CNI plugins are unpacked (default: the machine's own)")
	flags.StringVar(&o.stages, "stages", "", "kwok's stages (default: stages.yaml beside this binary)")
	flags.StringVar(&o.assets, "assets", "", "folder with binaries to run instead: kube-apiserver and etcd at least (as in KUBEBUILDER_ASSETS)")
	flags.StringVar(&o.auditLog, "audit-log", "", "file to write a line a request to (level Metadata)")
	flags.BoolVar(&o.fsync, "fsync", false, "sync every write to disk: slower, survives a loss of power")
	flags.BoolVar(&o.ephemeral, "ephemeral", false, "start empty, and forget everything at the end")
	flags.BoolVar(&o.stdin, "stop-with-stdin", false, "stop when standard input ends: for a parent that may be killed")
	flags.BoolVar(&o.detach, "detach", false, "return when the cluster is ready and let it run until 'down'")
	for _, name := range order {
		extra := new(list)
		flags.Var(extra, name+"-arg", "one more flag for "+assetNames[name]+" (may be repeated)")
		defer func() { o.extra[name] = *extra }()
	}
	if err := parseFlags(flags, args, &o.dir); err != nil {
		return nil, err
	}
	switch {
	case *simulated && *actual:
		return nil, fmt.Errorf("--simulated-node and --real-node exclude each other: %w", errUsage)
	case *nodes < 1:
		return nil, fmt.Errorf("--nodes %d: at least one: %w", *nodes, errUsage)
	case *simulated:
		o.nodes = *nodes
	case *actual:
		o.realNodes = *nodes
		if err := o.checkRealNodes(); err != nil {
			return nil, err
		}
	}
	if net.ParseIP(o.bind) == nil {
		return nil, fmt.Errorf("--bind %q is no IP address: %w", o.bind, errUsage)
	}
	return o, o.makeAbsolute()
}

// makeAbsolute resolves paths against the caller's folder: the components run in the state directory.
func (o *options) makeAbsolute() error {
	if o.nodes > 0 && o.stages == "" {
		here, err := os.Executable()
		if err != nil {
			return err
		}
		o.stages = filepath.Join(filepath.Dir(here), "stages.yaml")
	}
	for _, path := range []*string{&o.stages, &o.assets, &o.auditLog, &o.nodeBinaries, &o.runtime} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = absolute
	}
	return nil
}

func upCommand(args []string) error {
	o, err := parseUp(args)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	if o.detach {
		return detach(o.dir, args)
	}
	held, err := acquireLock(filepath.Join(o.dir, lockFile))
	if err != nil {
		return err
	}
	// The lock goes with the process: nobody may see it free while a component still runs.
	defer runtime.KeepAlive(held)
	if o.ephemeral {
		if err := forget(o.dir); err != nil {
			return err
		}
		defer func() {
			if err := forget(o.dir); err != nil {
				fmt.Fprintln(os.Stderr, "failed to forget the cluster:", err)
			}
		}()
	}
	if err := o.checkKind(); err != nil {
		return err
	}
	settled, err := settle(o)
	if err != nil {
		return err
	}
	if o.realNodes > 0 {
		if err := errors.Join(sweep(o.dir), checkMachine(o), settled.layNetwork(), prepareRealNodes(settled)); err != nil {
			return errors.Join(err, sweep(o.dir))
		}
	}
	return newCluster(settled).run()
}

// settle chooses ports, issues certificates and writes the files that the components read.
func settle(o *options) (*plan, error) {
	port, err := serverPort(o.dir, o.bind, o.port)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts("127.0.0.1", 2)
	if err != nil {
		return nil, err
	}
	first, err := firstAddress(o.serviceRange)
	if err != nil {
		return nil, err
	}
	names := []string{
		"127.0.0.1", o.bind, first, "localhost",
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
	}
	for _, node := range o.workers() {
		names = append(names, node.address)
	}
	certificates, err := preparePKI(filepath.Join(o.dir, "pki"), names)
	if err != nil {
		return nil, err
	}
	p := &plan{
		options: o,
		port:    port,
		etcdURL: fmt.Sprintf("http://127.0.0.1:%d", ports[0]),
		peerURL: fmt.Sprintf("http://127.0.0.1:%d", ports[1]),
		pki:     certificates,
	}
	return p, errors.Join(
		writeKubeconfigs(o.dir, p.server(), p.innerServer(), certificates.root),
		os.WriteFile(filepath.Join(o.dir, "audit-policy.yaml"), []byte(auditPolicy), 0o600),
		p.state().write(o.dir),
	)
}

// layNetwork makes the network of real nodes, and the way into it.
func (p *plan) layNetwork() error {
	outside, err := listenOutside(net.JoinHostPort(p.bind, strconv.Itoa(p.port)))
	if err != nil {
		return err
	}
	p.outside = outside
	return enterNetwork(p.options)
}

// state is what other subcommands want to know.
func (p *plan) state() state {
	s := state{Server: p.server(), Kubeconfig: filepath.Join(p.dir, "kubeconfig"), Runtime: p.runtime}
	for _, node := range p.workers() {
		s.Nodes = append(s.Nodes, node.name)
	}
	return s
}

// firstAddress is the one that Kubernetes gives to the Service default/kubernetes.
func firstAddress(addressRange string) (string, error) { return serviceAddress(addressRange, 1) }

// serviceAddress is the n-th of the Services' range.
func serviceAddress(addressRange string, n byte) (string, error) {
	_, network, err := net.ParseCIDR(addressRange)
	if err != nil {
		return "", fmt.Errorf("--service-cidr: %w: %w", err, errUsage)
	}
	address := append(net.IP{}, network.IP...)
	address[len(address)-1] += n
	return address.String(), nil
}

// detach runs "up" once more in a session of its own, and returns when that one is ready.
func detach(dir string, args []string) error {
	logPath := filepath.Join(dir, "up.log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	child := exec.Command(self, append(append([]string{"up"}, args...), "--detach=false")...)
	child.Args[0] = "mooring-cluster" // what ps shows
	child.Stderr = log
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	output, err := child.StdoutPipe()
	if err != nil {
		return errors.Join(err, log.Close())
	}
	if err := errors.Join(child.Start(), log.Close()); err != nil {
		return err
	}
	// Interrupted while it starts, nothing is to be left behind. A child that has ended meanwhile needs no signal.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-interrupts
		_ = child.Process.Signal(syscall.SIGTERM)
	}()
	line, reading := bufio.NewReader(output).ReadString('\n')
	said, err := os.ReadFile(logPath)
	if err != nil {
		return err
	}
	if reading != nil { // it ended before it was ready
		ended := child.Wait()
		if words := strings.TrimSpace(strings.ReplaceAll("\n"+string(said), "\nmooring-cluster: ", "\n")); words != "" {
			return errors.New(words)
		}
		return fmt.Errorf("it ended without a word: %w", exitOf(ended))
	}
	fmt.Fprint(os.Stderr, string(said))
	fmt.Print(line)
	return child.Process.Release()
}
