# Inside the machine: D-Bus, adapters on /dev/vhci, bluetoothd; then it serves until it is ended.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb
. /out/environment
mkdir -p /run/dbus /var/lib/bluetooth && rm -rf /var/lib/bluetooth/*
dbus-uuidgen --ensure; rm -f /run/dbus/pid; dbus-daemon --system --fork
# shellcheck disable=SC2086
"$PYTHON" -ISBu "$RELAY" $PORTS > /out/relay.log 2>&1 &
for _ in $(seq 300); do grep -q up /out/relay.log && break; sleep .1; done
bluetoothd=$(ls /usr/libexec/bluetooth/bluetoothd /usr/lib/bluetooth/bluetoothd 2>/dev/null | head -1)
[ -z "$LOGS" ] || btmon -w /out/hci.btsnoop > /dev/null 2>&1 &
echo "machine: kernel $(uname -r), bluetoothd $("$bluetoothd" -v), up $(cut -d' ' -f1 /proc/uptime) s"
exec "$bluetoothd" -E -n ${LOGS:+-d} > /out/bluetoothd.log 2>&1
