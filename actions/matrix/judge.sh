#!/usr/bin/env bash
# Runs the matrix on a wrapper or an image, in a job of GitHub (action.yml) or of GitLab
# (templates/matrix.yml). Ends as the gate does where a policy is given, else as `run` does.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../job.sh
. "$(dirname "${BASH_SOURCE[0]}")/../job.sh"

choose_out
add_values profile coverage runtime image start wrapper wrapper-name constructor ports subject-image \
    start-timeout repeat
add_lists kserve protocol torchserve cell check
add_files requirements policy out
policy=()
[[ -z $(input policy) ]] || policy=("--policy=$(from_here "$(input policy)")")
results=$(from_here "$out")
summary=()
[[ -z ${SUMMARY:-} ]] || summary=("--summary=$SUMMARY")
# What an action is fetched as has no history; of a checkout, git says it.
[[ ${ACTION_REF:-} =~ ^[0-9a-f]{40}$ ]] && export HARNESS_COMMIT=$ACTION_REF
install unproven "${root}[harness]" "$root/conformance"

harness() { (cd "$root" && "$python" -m matrix "$@"); }

code=0
harness run "${words[@]}" || code=$?
if [[ $code -ne 2 && -s $results/results.jsonl ]]; then
    if [[ ${#policy[@]} -gt 0 ]]; then
        code=0
        harness gate "${policy[@]}" "$results" || code=$?
    fi
    # Also of a red run; what it lacks is told by the verdict.
    harness report ${policy[@]+"${policy[@]}"} ${summary[@]+"${summary[@]}"} "$results" || true
fi

case $code in
    0) verdict=green ;;
    1) verdict=red ;;
    2) verdict=wrong-usage ;;
    *) verdict=unproven ;;
esac

output verdict "$verdict"
output_file page "$out/report.html"
output_file badge "$out/badge.svg"
output_file results "$out/results.jsonl"
[[ -s $out/report.md ]] ||
    echo "matrix: $verdict, and no report. The job's log says why." >> "${SUMMARY:-/dev/null}"
exit "$code"
