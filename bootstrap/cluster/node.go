package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// What marks a node as kwok's.
const fakeNodeAnnotation, fakeNodeValue = "kwok.x-k8s.io/node", "fake"

// The storage class that kwok's volume stages serve; its name is written into them.
const storageClass, provisioner = "kwok-volume", "kwok.x-k8s.io/volume"

type object = map[string]any

// createSimulatedNodes makes the nodes and the default storage class, where they lack.
func createSimulatedNodes(ctx context.Context, api *client, count int) error {
	for i := range count {
		if err := api.create(ctx, "/api/v1/nodes", simulatedNode(fmt.Sprintf("simulated-%d", i))); err != nil {
			return err
		}
	}
	return api.create(ctx, "/apis/storage.k8s.io/v1/storageclasses", object{
		"apiVersion": "storage.k8s.io/v1",
		"kind":       "StorageClass",
		"metadata": object{
			"name":        storageClass,
			"annotations": object{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		"provisioner":       provisioner,
		"reclaimPolicy":     "Delete",
		"volumeBindingMode": "Immediate",
	})
}

// simulatedNode looks like a Linux worker to selectors and affinities. Its size is left to kwok's stage
// (1000 cores, 1 TiB, a million pods), so that whatever a chart asks for fits.
func simulatedNode(name string) object {
	return object{
		"apiVersion": "v1",
		"kind":       "Node",
		"metadata": object{
			"name":        name,
			"annotations": object{fakeNodeAnnotation: fakeNodeValue},
			"labels": object{
				"kubernetes.io/hostname":         name,
				"kubernetes.io/os":               "linux",
				"kubernetes.io/arch":             "amd64",
				"topology.kubernetes.io/zone":    "local",
				"node-role.kubernetes.io/worker": "",
				"type":                           "kwok",
			},
		},
	}
}

// waitForNodes waits until the scheduler may place pods: a new node bears a taint until the controller
// manager has seen it ready.
func waitForNodes(ctx context.Context, api *client, count int) error {
	for i := range count {
		path := fmt.Sprintf("/api/v1/nodes/simulated-%d", i)
		if err := api.waitFor(ctx, path, isPlaceable); err != nil {
			return fmt.Errorf("a simulated node is not ready, see kwok.log: %w", err)
		}
	}
	return nil
}

func isPlaceable(answer []byte) error {
	var node struct {
		Spec struct {
			Taints []struct{ Key string }
		}
		Status struct {
			Conditions []struct{ Type, Status string }
		}
	}
	if err := json.Unmarshal(answer, &node); err != nil {
		return err
	}
	if len(node.Spec.Taints) > 0 {
		return fmt.Errorf("it bears the taint %s", node.Spec.Taints[0].Key)
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" && condition.Status == "True" {
			return nil
		}
	}
	return errors.New("it has no condition Ready")
}
