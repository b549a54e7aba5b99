# shellcheck shell=bash
# What the scripts of bootstrap/, the demo and the tests share. To be sourced, under bash -euo pipefail.
#
#   say.sh            words for people: progress, notes, errors with what to do
#   progress.sh       long work told about while it goes on
#   process.sh        background processes by pid, checked to be ours before anything is done to them
#   prerequisites.sh  tools that must be there, installed where that can be done without asking
#   build.sh          the cluster's binaries and our programs, built once into the cache
#   node.sh           what real nodes need: ensure_node, load_images
#   cluster.sh        the control plane: start_cluster, stop_cluster, run_kubectl
#   remote.sh         the git remote that the agent reads: start_remote
#   lakehouse.sh      the lakehouse with an agent in the cluster: start_lakehouse, open_ways, close_ways
#   agent.sh          the agent: start_agent, stop_agent, wait_for_agent
#
# Variables of the user's:
#   MOORING_CACHE     what was built (default: ~/.cache/mooring)
#   MOORING_STATE     the local cluster's data, git remote and logs (default: $MOORING_CACHE/local)
#   MOORING_BIN       a mooring binary to use instead of building one
#   KUBEBUILDER_ASSETS  a folder with kube-apiserver, etcd and kubectl to use instead of building them

BOOTSTRAP=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
CHECKOUT=$(dirname -- "$BOOTSTRAP")
MOORING_CACHE=${MOORING_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mooring}
MOORING_STATE=${MOORING_STATE:-$MOORING_CACHE/local}

# shellcheck source=bootstrap/lib/say.sh
. "$BOOTSTRAP/lib/say.sh"
# shellcheck source=bootstrap/lib/progress.sh
. "$BOOTSTRAP/lib/progress.sh"
# shellcheck source=bootstrap/lib/process.sh
. "$BOOTSTRAP/lib/process.sh"
# shellcheck source=bootstrap/lib/prerequisites.sh
. "$BOOTSTRAP/lib/prerequisites.sh"
# shellcheck source=bootstrap/lib/build.sh
. "$BOOTSTRAP/lib/build.sh"
# shellcheck source=bootstrap/lib/node.sh
. "$BOOTSTRAP/lib/node.sh"
# shellcheck source=bootstrap/lib/cluster.sh
. "$BOOTSTRAP/lib/cluster.sh"
# shellcheck source=bootstrap/lib/remote.sh
. "$BOOTSTRAP/lib/remote.sh"
# shellcheck source=bootstrap/lib/lakehouse.sh
. "$BOOTSTRAP/lib/lakehouse.sh"
# shellcheck source=bootstrap/lib/agent.sh
. "$BOOTSTRAP/lib/agent.sh"
