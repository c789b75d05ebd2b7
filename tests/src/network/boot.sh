# Boots a host: systemd, on this machine's own files, of which it changes only its own copy. Runs in
# namespaces that are new (mount, network, PID, IPC, host name) and says the process id of its init, as this
# machine sees it, once nothing can go wrong any more.
#
# boot.sh NAME GROUP FOLDER HOSTS
#   GROUP   its control group, made here
#   FOLDER  an empty folder for its files
#   HOSTS   the text of its /etc/hosts
set -eu
name=$1 group=$2 folder=$3 hosts=$4
read -r init _ </proc/self/stat

mount -t tmpfs -o mode=755 tmpfs "$folder"
mkdir "$folder/changes" "$folder/work" "$folder/root" "$folder/groups"
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/changes,workdir=$folder/work" "$folder/root"
mount -t cgroup2 cgroup2 "$folder/groups"
mkdir "$folder/groups/$group"
echo 0 >"$folder/groups/$group/cgroup.procs"

boot='
set -eu
name=$1 root=$2 hosts=$3 init=$4
hostname "$name"
cd "$root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mkdir dev/shm dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp

# Nothing of what this machine starts by itself, no identity of its own, and not its logs.
rm -rf etc/systemd/system var/log/journal
mkdir -p etc/systemd/system srv/setup
printf "[Unit]\nRequires=basic.target\nAfter=basic.target\n" >etc/systemd/system/booted.target
tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
echo "$name" >etc/hostname
printf "%s" "$hosts" >etc/hosts
# Everything is done as root here: sudo only has to change the user.
mkdir -p usr/local/bin
cat >usr/local/bin/sudo <<"SUDO"
#!/bin/sh
if [ "$1" = -u ]; then user=$2; shift 2; exec runuser -u "$user" -- "$@"; fi
exec "$@"
SUDO
chmod 755 usr/local/bin/sudo

mkdir -p old
pivot_root . old
umount -l /old
rmdir /old
# As systemd expects it: what it mounts for a service reaches that service.
mount --make-rshared /
echo "$init"
exec env -i container=e2e PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=booted.target --log-target=journal </dev/null >/dev/null 2>&1
'
exec unshare --cgroup bash -c "$boot" boot "$name" "$folder/root" "$hosts" "$init"
