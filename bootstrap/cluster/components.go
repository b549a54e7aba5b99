//go:build !launcher

package main

import (
	"os"
	_ "time/tzdata" // CronJob time zones on machines without zoneinfo

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// hasComponents tells whether this binary can run the control plane by itself.
const hasComponents = true

// runComponent becomes the named component and does not come back; false when there is none of that name.
func runComponent(name string, args []string) bool {
	var command *cobra.Command
	switch name {
	case "etcd":
		etcdmain.Main(append([]string{name}, args...))
		return true
	case "apiserver":
		command = apiserver.NewAPIServerCommand()
	case "controller-manager":
		command = controllermanager.NewControllerManagerCommand()
	case "scheduler":
		command = scheduler.NewSchedulerCommand()
	default:
		return false
	}
	os.Args = append([]string{name}, args...)
	os.Exit(cli.Run(command))
	return true
}
