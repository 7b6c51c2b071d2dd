#!/usr/bin/env bash
# Sounds of a served model by curl. TOKEN, if set, is sent as a bearer token; USERPWD (me:password) as basic authentication.
#   sounds.sh http://127.0.0.1:8501 drums 5 kick.wav                                    a seed
#   sounds.sh http://127.0.0.1:8501 notes '{"seed": 5, "pitch": 60}' note.wav           a seed and what else the model asks for
#   sounds.sh http://127.0.0.1:8501 denoise noisy.wav clean.wav                         a 16-bit WAV file, through the model
set -euo pipefail
[ $# = 4 ] || { sed -n '2,5s/^# \?//p' "$0" >&2; exit 2; }
url=$1 model=$2 given=$3 out=$4
body=$(mktemp)
trap 'rm -f "$body" "$body.reply"' EXIT
if [ -f "$given" ]; then
  { printf '{"signature_name": "wav_to_wav", "instances": [{"b64": "'; base64 < "$given" | tr -d '\n'; printf '"}]}'; } > "$body"
else
  printf '{"signature_name": "wav", "instances": [%s]}' "$given" > "$body"
fi
options=(--silent --show-error --retry 3 --max-time 60 --header 'Content-Type: application/json' --data-binary "@$body")
[ -z "${TOKEN:-}" ] || options+=(--header "Authorization: Bearer $TOKEN")
[ -z "${USERPWD:-}" ] || options+=(--user "$USERPWD")
status=$(curl "${options[@]}" --output "$body.reply" --write-out '%{http_code}' "$url/v1/models/$model:predict")
if [ "$status" != 200 ]; then
  printf '%s answered %s: %s\n' "$url" "$status" "$(head -c 500 "$body.reply")" >&2
  exit 1
fi
tr -d ' \n' < "$body.reply" | sed 's/.*"b64":"\([^"]*\)".*/\1/' | base64 -d > "$out"
