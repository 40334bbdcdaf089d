# shellcheck shell=bash
# What the scripts of the actions share: their inputs, an environment of their own, their outputs.
#
# Inputs come as variables of the environment, INPUT_ and the name, so that a shell never reads what
# they hold. OUTPUTS names the file for lines NAME=VALUE, each behind OUTPUT_PREFIX, and SUMMARY one
# for Markdown.

# shellcheck disable=SC2034 # what is set here is read by the scripts that take this in
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
words=()

# The value of an input.
input() {
    local variable
    variable=INPUT_$(tr a-z- A-Z_ <<< "$1")
    printf '%s' "${!variable:-}"
}

# Add options to `words`, each named as its input, which holds one value.
add_values() {
    local name value
    for name in "$@"; do
        value=$(input "$name")
        [[ -z $value ]] || words+=("--$name=$value")
    done
}

# The same of inputs with a value on each line.
add_lines() {
    local name value
    for name in "$@"; do
        while IFS= read -r value; do
            [[ -z $value ]] || words+=("--$name=$value")
        done <<< "$(input "$name")"
    done
}

# The same of inputs with values between spaces.
add_lists() {
    local name value values
    for name in "$@"; do
        read -r -d '' -a values <<< "$(input "$name")" || true
        for value in ${values[@]+"${values[@]}"}; do
            words+=("--$name=$value")
        done
    done
}

# The same of files and folders, which are seen from where the job is.
add_files() {
    local name value
    for name in "$@"; do
        value=$(input "$name")
        [[ -z $value ]] || words+=("--$name=$(from_here "$value")")
    done
}

from_here() { case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$PWD" "$1" ;; esac }

output() { printf '%s%s=%s\n' "${OUTPUT_PREFIX:-}" "$1" "$2" >> "${OUTPUTS:-/dev/null}"; }

# An output that names a file, where there is one.
output_file() { [[ ! -s $2 ]] || output "$1" "$2"; }

# End with a verdict and an exit code, and say why: end VERDICT CODE SENTENCE.
end() {
    echo "error: $3" >&2
    printf '%s\n' "$3" >> "${SUMMARY:-/dev/null}"
    output verdict "$1"
    exit "$2"
}

# Give `out`, a folder that isn't there yet: what an earlier run left would be told as this one's.
choose_out() {
    out=$(input out)
    case $out in
        '') end wrong-usage 2 "out: name the folder that the results go to" ;;
        *$'\n'*) end wrong-usage 2 "out: a folder's name is one line" ;;
    esac
    [[ ! -e $out ]] || end wrong-usage 2 "out: $out is there already; give each use a folder of its own"
}

# Install packages where they leave the job's own as they are, which gives `python`, or end with a
# verdict: install VERDICT PACKAGE...
install() {
    local verdict=$1
    shift
    environment=$(mktemp -d)
    trap 'rm -rf "$environment"' EXIT
    python=$environment/bin/python
    if ! python3 -m venv "$environment" ||
        ! "$python" -m pip install --quiet --disable-pip-version-check "$@"; then
        end "$verdict" 3 "what judges could not be installed; it takes Python 3.11 or later"
    fi
}
