# Inside the machine: D-Bus, controllers on /dev/vhci, bluetoothd, then the checks.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb
export PYTHONDONTWRITEBYTECODE=1
export NUMBA_CPU_NAME=generic NUMBA_CPU_FEATURES= PYTHONFAULTHANDLER=1
. /out/environment
mkdir -p /run/dbus /var/lib/bluetooth && rm -rf /var/lib/bluetooth/*
ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null
dbus-uuidgen --ensure; rm -f /run/dbus/pid; dbus-daemon --system --fork
"$PYTHON" "$QEMU/virtual_radio.py" > /out/radio.log 2>&1 &
for _ in $(seq 300); do grep -q "radio up" /out/radio.log && break; sleep .1; done
bluetoothd=$(ls /usr/libexec/bluetooth/bluetoothd /usr/lib/bluetooth/bluetoothd 2>/dev/null | head -1)
"$bluetoothd" -E -n > /out/bluetoothd.log 2>&1 &
for _ in $(seq 300); do
    [ "$(bluetoothctl list 2>/dev/null | grep -c Controller)" = 2 ] && break; sleep .1
done
for address in 00:AA:01:00:00:00 00:AA:01:00:00:01; do
    printf 'select %s\npower on\n' $address | bluetoothctl > /dev/null 2>&1; sleep .3
done
echo "guest: kernel $(uname -r), bluetoothd $("$bluetoothd" -v), up $(cut -d' ' -f1 /proc/uptime) s"
"$PYTHON" "$QEMU/checks.py"; echo $? > /out/rc
sync; echo o > /proc/sysrq-trigger; sleep 5
