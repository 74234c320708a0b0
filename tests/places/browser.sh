#!/usr/bin/env bash
# The page of examples/browser in headless Chromium: a network and a picture are chosen, its codes equal its self-check, and there are five
# classes; a network with a changed byte is refused. Leaves a screenshot, page.png, in FOLDER. Debian: emscripten nodejs chromium.
# tests/places/browser.sh FOLDER NETWORK.trimtab PICTURE [CLASSES.csv]
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: $0 FOLDER NETWORK.trimtab PICTURE [CLASSES.csv]" >&2; exit 2; }
for tool in em++ node chromium; do
  command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 0; }
done
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
browser=$here/../../examples/browser
if [ -n "$(find "$here/../../include" "$browser" -newer "$1/network.js" -print -quit 2>/dev/null || echo none)" ]; then
  "$browser/build.sh" "$1"
fi
node "$here/browser.cjs" "$@"
