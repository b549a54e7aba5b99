//go:build !launcher

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// provisionerName is what the StorageClass names.
const provisionerName = "mooring.dev/local"

// folders makes a folder of a node's disk for each claim. It works from outside of the nodes, where each
// node's disk is a folder too: no helper pods, and a volume is there in the moment that it is asked for.
type folders struct {
	disks   string // holds NODE/volumes
	mounted string // where a node's own processes see its volumes
}

func provisionerCommand() *cobra.Command {
	var kubeconfig string
	var provisioner folders
	command := &cobra.Command{
		Use:           "provisioner",
		Short:         "make folders of the nodes' disks for PersistentVolumeClaims",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(*cobra.Command, []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return err
			}
			client, err := kubernetes.NewForConfig(config)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			controller.NewProvisionController(ctx, client, provisionerName, &provisioner,
				controller.LeaderElection(false), controller.MetricsPort(0)).Run(ctx)
			return nil
		},
	}
	flags := command.Flags()
	flags.StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig of the cluster")
	flags.StringVar(&provisioner.disks, "disks", "", "folder that holds NODE/volumes of each node")
	flags.StringVar(&provisioner.mounted, "mounted", "", "where the nodes' own processes see their volumes")
	return command
}

// Provision makes the folder on the node that the scheduler chose for the first pod of the claim.
func (f *folders) Provision(_ context.Context, o controller.ProvisionOptions) (*core.PersistentVolume, controller.ProvisioningState, error) {
	if o.PVC.Spec.VolumeMode != nil && *o.PVC.Spec.VolumeMode == core.PersistentVolumeBlock {
		return nil, controller.ProvisioningFinished, errors.New("only volumeMode Filesystem is served here")
	}
	if o.SelectedNodeName == "" {
		return nil, controller.ProvisioningFinished,
			errors.New("no node is chosen yet: the StorageClass needs volumeBindingMode: WaitForFirstConsumer")
	}
	volumes := filepath.Join(f.disks, o.SelectedNodeName, "volumes")
	if _, err := os.Stat(volumes); errors.Is(err, fs.ErrNotExist) {
		return nil, controller.ProvisioningReschedule, fmt.Errorf("the node %s has no disk here", o.SelectedNodeName)
	}
	folder := filepath.Join(volumes, o.PVName)
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	// For pods of any user, whatever our umask is.
	if err := os.Chmod(folder, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	return f.volume(o), controller.ProvisioningFinished, nil
}

// volume is a local one, not a hostPath: the kubelet gives it to a pod's fsGroup.
func (f *folders) volume(o controller.ProvisionOptions) *core.PersistentVolume {
	return &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{Name: o.PVName},
		Spec: core.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *o.StorageClass.ReclaimPolicy,
			AccessModes:                   o.PVC.Spec.AccessModes,
			VolumeMode:                    o.PVC.Spec.VolumeMode,
			Capacity:                      core.ResourceList{core.ResourceStorage: o.PVC.Spec.Resources.Requests[core.ResourceStorage]},
			PersistentVolumeSource: core.PersistentVolumeSource{
				Local: &core.LocalVolumeSource{Path: filepath.Join(f.mounted, o.PVName)},
			},
			NodeAffinity: &core.VolumeNodeAffinity{Required: &core.NodeSelector{
				NodeSelectorTerms: []core.NodeSelectorTerm{{MatchExpressions: []core.NodeSelectorRequirement{{
					Key:      core.LabelHostname,
					Operator: core.NodeSelectorOpIn,
					Values:   []string{o.SelectedNodeName},
				}}}},
			}},
		},
	}
}

// Delete removes the folder, on whichever node it is.
func (f *folders) Delete(_ context.Context, volume *core.PersistentVolume) error {
	// A name of the API server's own making has no slash; one that somebody wrote by hand is checked.
	if volume.Name == "" || volume.Name != filepath.Base(volume.Name) || volume.Name == ".." || volume.Name == "." {
		return &controller.IgnoredError{Reason: "its name is no name of ours"}
	}
	found, err := filepath.Glob(filepath.Join(f.disks, "*", "volumes", volume.Name))
	if err != nil {
		return err
	}
	for _, folder := range found {
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	return nil
}
