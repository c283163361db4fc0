# shellcheck shell=bash
# NFS for --pool-type netfs: the machine exports a folder for each host and pool, which libvirt mounts.

# Whether this kernel has an NFS client and server; says what lacks.
nfs_supported() {
  modprobe -q nfsd 2>/dev/null || true
  modprobe -q nfs 2>/dev/null || true
  grep -qw nfs4 /proc/filesystems || { say "this kernel cannot mount NFS (no nfs4 in /proc/filesystems)"; return 1; }
  grep -qw nfsd /proc/filesystems || { say "this kernel cannot serve NFS (no nfsd in /proc/filesystems)"; return 1; }
}

nfs_up() {
  local host pool folder
  for host in $LAB_HOSTS; do
    for pool in primary secondary; do
      folder=$(nfs_folder "$host" "$pool")
      mkdir -p "$folder"
      exportfs -o rw,no_root_squash,no_subtree_check,fsid="$(host_fsid "$host" "$pool")" "$(lab_network):$folder"
    done
  done
  mountpoint -q /proc/fs/nfsd || mount -t nfsd nfsd /proc/fs/nfsd
  pgrep -x rpc.mountd >/dev/null || rpc.mountd --no-nfs-version 3
  [[ $(</proc/fs/nfsd/threads) != 0 ]] || rpc.nfsd --no-nfs-version 3 4
}

# Withdraws this lab's exports, and leaves the server to whoever else uses it.
nfs_down() {
  local folder
  [[ -d $LAB_STATE/nfs ]] && command -v exportfs >/dev/null || return 0
  for folder in "$LAB_STATE"/nfs/*/*; do
    exportfs -u "$(lab_network):$folder" 2>/dev/null || true
  done
}

host_fsid() { uuidgen --sha1 --namespace @dns --name "$2.$1.$LAB_NAME.longshore.invalid"; }
