# Runs in a guest as the second half of an image's build: lets the packages' own scripts configure them, then
# hands back, on standard output, a tar archive of all that changed. Its first member, .multivac-paths, lists
# every path of the finished root, ended by zero bytes: what is not in it is gone. Messages go to standard error.
#
# Goes on from packages that are unpacked and recorded so in dpkg's database.
set -eu
exec 3>&1 >&2 </dev/null
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true DEBCONF_NOWARNINGS=yes LC_ALL=C LANGUAGE=C
umask 022
admin=/var/lib/dpkg

fail() {
    echo "multivac: $*"
    exit 1
}

# What changes from here on is told by its time of change; the pause keeps it off the stamp's own tick.
: > /run/stamp
sleep 0.1

# No service is started in here.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

# dpkg would have run these when it unpacked.
for script in "$admin"/info/*.preinst; do
    [ -x "$script" ] || continue
    package=${script##*/}
    package=${package%.preinst}
    echo "multivac: preinst of $package"
    DPKG_MAINTSCRIPT_PACKAGE=${package%%:*} DPKG_MAINTSCRIPT_ARCH=riscv64 DPKG_MAINTSCRIPT_NAME=preinst \
        DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 DPKG_ROOT='' DPKG_ADMINDIR=$admin \
        DPKG_RUNNING_VERSION=$(dpkg-query -W -f '${Version}' dpkg) \
        "$script" install || fail "the preinst script of $package failed"
done

# The scripts of all others rely on these.
for first in base-passwd base-files dpkg libc6 perl-base mawk debconf; do
    if dpkg-query -W "$first" > /dev/null 2>&1; then
        dpkg --force-depends --configure "$first" || fail "$first could not be configured"
    fi
done
dpkg --configure --pending || fail "packages could not be configured"
left=$(dpkg-query -W -f '${db:Status-Status} ${binary:Package}\n' | grep -v '^installed ' || true)
[ -z "$left" ] || fail "left unconfigured: $left"
ldconfig
if command -v depmod > /dev/null; then
    depmod -a "$(uname -r)"
fi

# Who is at the console may log in there: root has no password. Over a network sshd takes none that is empty.
passwd --quiet --delete root

# Nothing of this very run stays.
rm -f /usr/sbin/policy-rc.d /var/cache/ldconfig/aux-cache "$admin"/*-old /var/cache/debconf/*-old
rm -f /var/log/dpkg.log /var/log/alternatives.log /var/lib/systemd/random-seed /var/lib/dbus/machine-id
if [ -e /etc/machine-id ]; then
    : > /etc/machine-id
fi

echo "multivac: handing the root back"
cd /
find . -xdev -print0 > /run/.multivac-paths
find . -xdev \( -path ./dev -o -path ./proc -o -path ./run -o -path ./sys -o -path ./tmp \) -prune \
    -o -cnewer /run/stamp -print0 > /run/changed
tar --create --file=- --numeric-owner --no-recursion -C /run .multivac-paths -C / --null -T /run/changed >&3
