#!/usr/bin/env bash
# One CI step: installs etcd if need be, runs a scenario, and leaves the run directory behind. The GitHub action and the GitLab
# template call it; any other CI system can, too.
#
#   deploy/ci/run.sh SCENARIO [FLAGS OF `ticketcd run`]
#
#   TICKETCD_OUT   the run directory: report.html, junit.xml, summary.md, result.json, … [ticketcd-report]
#   TICKETCD_ETCD  a version of etcd, or `latest` for the newest known-good one [latest]
#
# It exits as `ticketcd run` does: 0 pass, 1 violation, 2 unknown, 3 objective missed, 4 invalid, 6 could not be carried out.
set -euo pipefail

if [ $# -eq 0 ]; then
    echo "usage: $0 SCENARIO [FLAGS]" >&2
    exit 64
fi
scenario=$1
shift
out=${TICKETCD_OUT:-ticketcd-report}
version=${TICKETCD_ETCD:-latest}

ticketcd etcd install "$version" >&2
# A run never writes into the directory of another one.
if [ -e "$out" ]; then
    echo "$out exists already: set TICKETCD_OUT to another directory" >&2
    exit 64
fi
exec ticketcd run "$scenario" --etcd "$version" --out "$out" "$@"
