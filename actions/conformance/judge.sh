#!/usr/bin/env bash
# Judges a server with kserve-conformance, in a job of GitHub (action.yml) or of GitLab
# (templates/conformance.yml). Ends as `kserve-conformance run` does.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../job.sh
. "$(dirname "${BASH_SOURCE[0]}")/../job.sh"

choose_out
add_values target grpc-target model payloads not-ready-model spare-model answer-timeout \
    suite-version header-file ca cert key proxy
add_lines header
add_lists profile check
strict=$(input strict)
[[ $strict != true ]] || words+=(--strict)
install not-known "$root/conformance"

code=0
"$python" -m kserve_conformance run "${words[@]}" --out="$out" || code=$?

claims() { grep -qs "^| [a-z0-9]* | \*\*$1\*\* |" "$out/claim.md"; }

case $code in
    0) verdict=kept ;;
    1) verdict=departs ;;
    2) verdict=wrong-usage ;;
    *) verdict=not-known ;;
esac
if [[ $code -eq 0 ]] && claims conforms; then verdict=conforms; fi
# A partial claim alone is red where it is asked for.
if [[ $code -eq 0 || $code$strict == 1true ]] && claims partial && ! claims departs; then
    verdict=partial
fi

output verdict "$verdict"
output_file page "$out/claim.md"
output_file badge "$out/badge.svg"
output_file results "$out/results.jsonl"
if [[ -s $out/claim.md ]]; then
    cat "$out/claim.md" >> "${SUMMARY:-/dev/null}"
else
    echo "kserve-conformance: $verdict, and no claim. The job's log says why." >> "${SUMMARY:-/dev/null}"
fi
exit "$code"
