#!/bin/sh
# Installs the example as the configuration, unless there is one already: what an administrator wrote is never
# touched. Arguments: the example, the configuration.
set -eu
target="${DESTDIR:-}$2"
if [ -e "$target" ] || [ -L "$target" ]; then
    echo "Keeping $target"
    exit 0
fi
echo "Installing $1 to $target"
install -d -m 755 "$(dirname "$target")"
install -m 644 "$1" "$target"
