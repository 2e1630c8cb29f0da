#!/bin/busybox sh
# The first process of the comparison's guest. The kernel's command line says what to do:
#   rows=A,B          the rows, one after another
#   busy=N rounds=R   N processes at once, each a loop of integer work
#   idle=S            nothing, for S seconds
# Lines that begin with @ tell the host where it is.
echo @boot
export PATH=/bin
for name in mount insmod chroot cat md5sum sleep poweroff sh; do
    /bin/busybox ln -s busybox /bin/$name
done
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
# What the kernel goes on doing after the boot is in no row.
sleep 2

if [ -n "$rows" ]; then
    echo @begin prepare
    while read -r condition module; do
        [ "$condition" = - ] && insmod "$module"
    done < /multivac/modules
    mount -t squashfs -o ro /dev/vda /debian
    /suite text 128 > /tmp/text
    busybox head -c 4194304 /tmp/text > /tmp/half
    echo @end prepare $?
    for row in $(IFS=,; echo $rows); do
        echo @begin $row
        sh /rows/$row
        echo @end $row $?
    done
elif [ -n "$busy" ]; then
    echo @begin busy
    for i in $(busybox seq $busy); do
        /suite alu $rounds > /dev/null &
    done
    wait
    echo @end busy $?
elif [ -n "$idle" ]; then
    echo @begin idle
    sleep $idle
    echo @end idle $?
fi
poweroff -f
