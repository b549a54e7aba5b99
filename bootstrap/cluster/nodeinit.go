package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// nodeServices is the cgroup, beside that of the pods, of what a node itself runs.
	nodeServices = "services"
	// podsGrace is what pods get to end when their node does.
	podsGrace = 5 * time.Second

	kubeletConfig   = "kubelet.kubeconfig"
	kubeProxyConfig = "kube-proxy.kubeconfig"
)

// nodeOptions is what "up" tells the first process of a node.
type nodeOptions struct {
	realNode
	api      string // of the API server, as seen from the node
	services string // address range of Services
	podRange string // of all nodes
	others   list   // RANGE=ADDRESS of the other nodes' pods
	binaries string // folder of mooring-node and its images
	runtime  string // root of containerd's, runc's and the CNI plugins' packages
}

func (o *nodeOptions) arguments() []string {
	arguments := []string{
		"--name=" + o.name, "--address=" + o.address, "--pods=" + o.pods, "--disk=" + o.disk, "--cgroup=" + o.cgroup,
		fmt.Sprintf("--first=%t", o.first), "--services=" + o.services, "--pod-cidr=" + o.podRange,
		"--binaries=" + o.binaries, "--runtime=" + o.runtime,
	}
	for _, other := range o.others {
		arguments = append(arguments, "--other="+other)
	}
	return arguments
}

// nodeCommand is the first process of a node: in its namespaces, which the kernel made for it, it does what
// a machine does when it boots, and keeps the node's services running until it is told to end.
func nodeCommand(args []string) error {
	o := new(nodeOptions)
	flags := newFlags("node")
	flags.StringVar(&o.name, "name", "", "the node's name")
	flags.StringVar(&o.address, "address", "", "the node's address")
	flags.StringVar(&o.pods, "pods", "", "address range of its pods")
	flags.StringVar(&o.disk, "disk", "", "folder of what outlives the node")
	flags.StringVar(&o.cgroup, "cgroup", "", "cgroup of the node")
	flags.BoolVar(&o.first, "first", false, "it shares the network of the control plane")
	flags.StringVar(&o.services, "services", "", "address range of Services")
	flags.StringVar(&o.podRange, "pod-cidr", "", "address range of all pods")
	flags.StringVar(&o.binaries, "binaries", "", "folder of mooring-node and its images")
	flags.StringVar(&o.runtime, "runtime", "", "root of containerd's packages")
	flags.Var(&o.others, "other", "RANGE=ADDRESS of another node's pods")
	if err := parseFlags(flags, args, &o.disk); err != nil {
		return err
	}
	if os.Getpid() != 1 {
		return errors.New("'node' is for 'up' to run, in namespaces of its own")
	}
	ending := make(chan os.Signal, 2)
	signal.Notify(ending, syscall.SIGTERM, syscall.SIGINT)
	if err := o.boot(); err != nil {
		return err
	}
	services := newServices(o)
	failed := make(chan error, 1)
	go func() { failed <- services.startAll() }()
	select {
	case <-ending:
	case err := <-failed:
		if err != nil {
			return err // and the kernel ends the rest
		}
		<-ending
	}
	services.endPods(ending)
	return nil
}

// boot prepares what the services find: cgroup, mounts, name, network, configuration.
func (o *nodeOptions) boot() error {
	found, err := findHierarchies()
	if err != nil {
		return err
	}
	if err := found.enter(filepath.Join(o.cgroup, nodeServices)); err != nil {
		return err
	}
	if err := o.mount(); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte(o.name)); err != nil {
		return fmt.Errorf("failed to set the host name: %w", err)
	}
	if !o.first {
		if err := o.connect(); err != nil {
			return err
		}
	}
	// Of this network namespace alone.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
		return fmt.Errorf("failed to let the node forward its pods' packets: %w", err)
	}
	return o.configure()
}

// connect waits until "up" has plugged the node in, and configures its end of the cable.
func (o *nodeOptions) connect() error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := net.InterfaceByName("eth0"); err == nil {
			break
		} else if time.Now().After(deadline) {
			return fmt.Errorf("nobody plugged the node in: %w", err)
		}
	}
	commands := []string{
		"link set lo up",
		"address add " + o.address + "/24 dev eth0",
		"link set eth0 up",
		"route add " + o.services + " dev eth0",
	}
	for _, other := range o.others {
		pods, address, _ := strings.Cut(other, "=")
		commands = append(commands, "route add "+pods+" via "+address)
	}
	return ip(commands...)
}

// services are what runs beside the pods.
type services struct {
	options  *nodeOptions
	children *children
}

func newServices(o *nodeOptions) *services { return &services{o, newChildren()} }

// startAll starts the services in order; each is started again whenever it ends.
func (s *services) startAll() error {
	o := s.options
	s.keep("containerd", "containerd", "--config", containerdConfig)
	deadline := time.Now().Add(30 * time.Second)
	for {
		connection, err := net.Dial("unix", containerdSocket)
		if err == nil {
			_ = connection.Close()
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("containerd does not start, see %s/containerd.log: %w", o.disk, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := s.importOwnImages(); err != nil {
		return err
	}
	// "up" writes it once the API server knows the node, however long that takes.
	for !exists(filepath.Join(credentials, kubeletConfig)) {
		time.Sleep(20 * time.Millisecond)
	}
	binary := filepath.Join(o.binaries, "mooring-node")
	s.keep("kubelet", binary, "kubelet", "--config", kubeletSettings, "--kubeconfig", filepath.Join(credentials, kubeletConfig),
		"--hostname-override", o.name, "--node-ip", o.address)
	s.keep("kube-proxy", binary, "kube-proxy", "--config", kubeProxySettings)
	return nil
}

// importOwnImages loads the images that every node needs, where containerd does not know them already.
func (s *services) importOwnImages() error {
	archives, err := filepath.Glob(filepath.Join(s.options.binaries, "*.tar"))
	if err != nil {
		return err
	}
	for _, archive := range archives {
		// A node's disk outlives it, and a build has a folder of its own for each content.
		mark := filepath.Join(ownDisk, "imported-"+filepath.Base(archive))
		if known, err := os.ReadFile(mark); err == nil && string(known) == archive {
			continue
		}
		if err := s.run("images", "ctr", "--namespace=k8s.io", "images", "import", archive); err != nil {
			return fmt.Errorf("failed to import %s: %w", archive, err)
		}
		if err := os.WriteFile(mark, []byte(archive), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// start runs a program with its output in NAME.log of the node's disk.
func (s *services) start(name string, command ...string) (*child, error) {
	log, err := os.OpenFile(filepath.Join(ownDisk, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	// exec.Command would look a bare name up in our own PATH.
	program, err := s.options.find(command[0])
	if err != nil {
		return nil, err
	}
	c := exec.Command(program, command[1:]...)
	c.Env = append(os.Environ(), "PATH="+s.options.path())
	c.Stdout, c.Stderr = log, log
	return s.children.start(c)
}

func (s *services) run(name string, command ...string) error {
	c, err := s.start(name, command...)
	if err != nil {
		return err
	}
	<-c.ended
	if c.status.ExitStatus() != 0 {
		return fmt.Errorf("exit status %d, see %s.log", c.status.ExitStatus(), name)
	}
	return nil
}

// keep runs a service, and starts it again whenever it ends, as a machine's service manager does.
func (s *services) keep(name string, command ...string) {
	// A log of each start of the node: the services that come and go in it share one.
	_ = os.Remove(filepath.Join(ownDisk, name+".log"))
	go func() {
		for {
			c, err := s.start(name, command...)
			if err != nil {
				fmt.Fprintf(os.Stderr, "failed to start %s: %v\n", name, err)
			} else {
				<-c.ended
				fmt.Fprintf(os.Stderr, "%s ended (exit status %d) and is started again\n", name, c.status.ExitStatus())
			}
			time.Sleep(time.Second)
		}
	}()
}

// endPods asks what runs in pods to end, and waits for a while, or until it is asked again.
func (s *services) endPods(hurry <-chan os.Signal) {
	// Or it would start them again; it is kept from coming back by our own end.
	s.children.freeze("kubelet")
	deadline := time.After(podsGrace)
	asked := map[int]bool{}
	for {
		running := containerProcesses()
		if len(running) == 0 {
			return
		}
		for _, pid := range running {
			if !asked[pid] {
				asked[pid] = true
				_ = syscall.Kill(pid, syscall.SIGTERM) // it may have ended just now
			}
		}
		select {
		case <-deadline:
			return
		case <-hurry:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// find returns the path of a program of the node.
func (o *nodeOptions) find(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, folder := range filepath.SplitList(o.path()) {
		if path := filepath.Join(folder, name); exists(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("found no %s in %s", name, o.path())
}

// path puts the packages' programs before the machine's.
func (o *nodeOptions) path() string {
	own := os.Getenv("PATH") + ":/usr/sbin:/usr/bin:/sbin:/bin"
	if o.runtime == "" {
		return own
	}
	return filepath.Join(o.runtime, "usr/bin") + ":" + filepath.Join(o.runtime, "usr/sbin") + ":" + own
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
