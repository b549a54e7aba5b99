//go:build launcher

package main

// hasComponents tells whether this binary can run the control plane by itself.
const hasComponents = false

// runComponent finds nothing: a launcher runs the binaries that --assets names.
func runComponent(string, []string) bool { return false }
