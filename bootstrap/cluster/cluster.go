package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// order is the order of starting. Stopping goes the other way, because an API server without its etcd
// hangs until its own time limits.
var order = []string{etcd, apiServer, controllerManager, kubeScheduler, kwok}

// startLimit bounds a start; a slow machine takes a tenth of it.
const startLimit = 2 * time.Minute

// errStopped is the cause when a user, not a failure, ends the cluster.
var errStopped = errors.New("stopped")

// cluster is a running control plane. Its components are started on the main goroutine only (see
// startProcess): who wants something sends a request.
type cluster struct {
	plan     *plan
	api      *client
	ctx      context.Context // ends with the cluster; its cause says why
	cancel   context.CancelCauseFunc
	requests chan request
	started  time.Time

	mutex   sync.Mutex
	running map[string]*process
	stopped map[string]bool // on purpose: their end is no failure
}

// request is work for the main goroutine.
type request struct {
	do     func() error
	answer chan error
}

func newCluster(p *plan) *cluster {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &cluster{
		plan: p, ctx: ctx, cancel: cancel,
		requests: make(chan request),
		started:  time.Now(),
		running:  map[string]*process{},
		stopped:  map[string]bool{},
	}
}

// run starts everything, serves until the cluster is to end, and stops everything.
func (c *cluster) run() error {
	c.watchForTheEnd()
	err := c.startAll()
	if err == nil {
		var control *controlServer
		if control, err = serveControl(c); err == nil {
			fmt.Println(filepath.Join(c.plan.dir, "kubeconfig"))
			err = errors.Join(c.serve(), control.close())
		}
	}
	if errors.Is(err, errStopped) {
		err = nil
	}
	return errors.Join(err, c.stopAll())
}

// watchForTheEnd turns signals, and the end of standard input where that is asked for, into the end of
// the context.
func (c *cluster) watchForTheEnd() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go func() {
		<-signals
		c.cancel(errStopped)
	}()
	if c.plan.stdin {
		go func() {
			// Whether it ended well or with an error: nobody is there any more.
			_, _ = io.Copy(io.Discard, os.Stdin)
			c.cancel(errStopped)
		}()
	}
}

// serve carries out requests until the cluster is to end, and returns the reason.
func (c *cluster) serve() error {
	for {
		select {
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		case r := <-c.requests:
			r.answer <- r.do()
		}
	}
}

func (c *cluster) startAll() error {
	ctx, cancel := context.WithTimeoutCause(c.ctx, startLimit, fmt.Errorf("not ready within %s", startLimit))
	defer cancel()
	api, err := newClient(c.plan.server(), c.plan.pki.root)
	if err != nil {
		return err
	}
	c.api = api
	if c.plan.realNodes > 0 {
		if err := c.start(forwarder); err != nil {
			return err
		}
	}
	if err := errors.Join(c.start(etcd), c.start(apiServer)); err != nil {
		return err
	}
	// They boot while the API server does, and wait for it.
	for _, node := range c.plan.workers() {
		if err := c.start(node.name); err != nil {
			return err
		}
	}
	if err := api.wait(ctx, "/readyz"); err != nil {
		return err
	}
	apiReady := time.Since(c.started)
	if err := c.startControllers(ctx); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "API server ready after %.1f s, all after %.1f s\n", apiReady.Seconds(), time.Since(c.started).Seconds())
	return nil
}

// startControllers starts what works on the API server, and waits until pods can be created and placed.
func (c *cluster) startControllers(ctx context.Context) error {
	if c.plan.realNodes > 0 {
		if err := admitNodes(ctx, c.plan, c.api); err != nil {
			return err
		}
	}
	wanted := []string{controllerManager, kubeScheduler}
	if c.plan.nodes > 0 {
		wanted = append(wanted, kwok)
	}
	if c.plan.realNodes > 0 {
		wanted = append(wanted, volumes)
	}
	for _, name := range wanted {
		err := c.start(name)
		if errors.Is(err, errAbsent) && c.plan.assets != "" {
			fmt.Fprintf(os.Stderr, "no %s in %s: %s\n", assetNames[name], c.plan.assets, withoutIt[name])
			continue
		}
		if err != nil {
			return err
		}
	}
	if c.process(kwok) != nil {
		if err := createSimulatedNodes(ctx, c.api, c.plan.nodes); err != nil {
			return err
		}
	}
	if c.process(controllerManager) == nil {
		return nil
	}
	// Pods are refused until the controller manager has made this account.
	if err := c.api.wait(ctx, "/api/v1/namespaces/default/serviceaccounts/default"); err != nil {
		return err
	}
	if c.process(kwok) != nil {
		return waitForNodes(ctx, c.api, c.plan.nodes)
	}
	if c.plan.realNodes > 0 {
		if err := applyAddons(ctx, c.plan); err != nil {
			return err
		}
		return waitForRealNodes(ctx, c.plan, c.api, c.started)
	}
	return nil
}

// withoutIt tells what does not work where a folder of assets lacks a component.
var withoutIt = map[string]string{
	controllerManager: "no Deployment gets pods, no CronJob jobs, deleted namespaces stay, owned objects outlive their owners",
	kubeScheduler:     "pods stay pending",
	kwok:              "no simulated nodes, claims stay pending",
}

// start runs one component; its end, unless we stop it, is the cluster's end.
func (c *cluster) start(name string) error {
	how, err := c.plan.launchOf(name)
	if err != nil {
		return err
	}
	node, isNode := c.plan.node(name)
	if isNode {
		if err := renewCgroup(node); err != nil {
			return err
		}
	}
	p, err := startProcess(c.plan.dir, name, how)
	if err != nil {
		return err
	}
	if isNode && !node.first {
		if err := plugIn(node, p.pid()); err != nil {
			return errors.Join(err, p.kill())
		}
	}
	c.mutex.Lock()
	c.running[name] = p
	c.stopped[name] = false
	c.mutex.Unlock()
	go func() {
		<-p.ended
		c.mutex.Lock()
		defer c.mutex.Unlock()
		if c.running[name] == p && !c.stopped[name] {
			c.cancel(fmt.Errorf("%s ended by itself (%w); its log %s ends with:\n%s",
				name, exitOf(p.result), filepath.Join(c.plan.dir, name+".log"), lastLines(c.plan.dir, name)))
		}
	}()
	return nil
}

// stop ends one component, by SIGKILL when that is asked for.
func (c *cluster) stop(name string, kill bool) error {
	p := c.process(name)
	if p == nil {
		return nil
	}
	c.mutex.Lock()
	c.stopped[name] = true
	c.mutex.Unlock()
	end := p.stop
	if kill {
		end = p.kill
	}
	err := end()
	c.mutex.Lock()
	delete(c.running, name)
	c.mutex.Unlock()
	return err
}

// stopAll ends the components, last started first; controllers and nodes at once, for none needs another.
func (c *cluster) stopAll() error {
	began := time.Now()
	names := c.plan.components()
	failures := make([]error, len(names))
	var others sync.WaitGroup
	for i, name := range names {
		if name != etcd && name != apiServer && name != forwarder {
			others.Go(func() { failures[i] = c.stop(name, false) })
		}
	}
	others.Wait()
	err := errors.Join(errors.Join(failures...), c.stop(apiServer, false), c.stop(etcd, false), c.stop(forwarder, false))
	if c.plan.realNodes > 0 {
		err = errors.Join(err, sweep(c.plan.dir))
	}
	fmt.Fprintf(os.Stderr, "stopped in %.1f s\n", time.Since(began).Seconds())
	return err
}

func (c *cluster) process(name string) *process {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.running[name]
}

// has tells whether the component is part of this cluster, running or stopped.
func (c *cluster) has(name string) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	_, known := c.stopped[name]
	return known
}

// exitOf gives an exit without an error its words.
func exitOf(result error) error {
	if result == nil {
		return errors.New("exit status 0")
	}
	return result
}

// lastLines returns the end of a component's log, for a person to see what went wrong.
func lastLines(dir, name string) string {
	content, err := os.ReadFile(filepath.Join(dir, name+".log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}
