#!/usr/bin/env bash
# Sounds of a served model by curl. USERPWD (me:password) is sent as basic authentication, TOKEN as a bearer token.
#   sounds.sh http://127.0.0.1:8501 drums 5 kick.wav                              a seed
#   sounds.sh http://127.0.0.1:8501 notes '{"seed": 5, "pitch": 60}' note.wav     a seed and what else the model asks for
#   sounds.sh http://127.0.0.1:8501 voice mel.json speech.wav                     a mel, [[80 numbers], ...]
#   sounds.sh http://127.0.0.1:8501 denoise noisy.wav clean.wav                   a 16-bit WAV file, through the model
set -euo pipefail
[ $# = 4 ] || { sed -n '2,6s/^# \?//p' "$0" >&2; exit 2; }
url=$1 model=$2 given=$3 out=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $given in
  *.wav) signature=wav_to_wav; { printf '{"b64": "'; base64 < "$given" | tr -d '\n'; printf '"}'; } ;;
  *.json) signature=wav; cat "$given" ;;
  *) signature=wav; printf %s "$given" ;;
esac > "$work/instance"
{ printf '{"signature_name": "%s", "instances": [' "$signature"; cat "$work/instance"; printf ']}'; } > "$work/body"
options=(--silent --show-error --retry 3 --max-time 60 --header 'Content-Type: application/json' --data-binary "@$work/body")
[ -z "${TOKEN:-}" ] || options+=(--header "Authorization: Bearer $TOKEN")
[ -z "${USERPWD:-}" ] || options+=(--user "$USERPWD")
status=$(curl "${options[@]}" --output "$work/reply" --write-out '%{http_code}' "$url/v1/models/$model:predict")
if [ "$status" != 200 ] || ! grep -q '"b64"' "$work/reply"; then
  printf '%s answered %s: %s\n' "$url" "$status" "$(head -c 500 "$work/reply")" >&2
  exit 1
fi
tr -d ' \n' < "$work/reply" | sed 's/.*"b64":"\([^"]*\)".*/\1/' | base64 -d > "$out"
