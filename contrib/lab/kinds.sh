# shellcheck shell=bash
# The kinds of disks that a guest of the lab can have (`guest-up --kinds`). Each function `kind_NAME` makes the files of one disk in
# the host's pools and calls `disk`, or `drive`. Every file is new, of 8 MiB unless its kind says otherwise, and its name begins with
# the guest's.
#
# Sourced by guest-up, which sets $host and $guest.
# shellcheck disable=SC2154  # host, guest: of guest-up

# The definitions of the disks and drives, and for each disk that the guest writes to its file, its format and, where it is known without
# reading the file, the raw image that has its content.
KIND_XML='' KIND_FILES=() KIND_FORMATS=() KIND_CONTENTS=() KIND_COUNT=0 KIND_DRIVES=0
readonly KIND_SIZE=8M
readonly KIND_LETTERS=abcdefghijklmnopqrstuvwxyz

in_pool() { printf '%s/%s-%s' "$(pool_path "$host" "$1")" "$guest" "$2"; }
random_image() { guest_content "$1" "$(bytes "$KIND_SIZE")" $(($(bytes "$KIND_SIZE") / 2)); }

xml_text() {
  sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e "s/'/\&apos;/g" -e 's/"/\&quot;/g' <<<"$1"
}

# Defines a disk: disk FORMAT FILE [ATTRIBUTES OF THE DRIVER [ELEMENTS]]. The guest writes to it unless its elements say <readonly/>.
disk() {
  local letter=${KIND_LETTERS:KIND_COUNT:1}
  KIND_COUNT=$((KIND_COUNT + 1))
  KIND_XML+="<disk type='file' device='disk'><driver name='qemu' type='$1' ${3:-cache='none' discard='unmap'}/>"
  KIND_XML+="<source file='$(xml_text "$2")'/><target dev='vd$letter' bus='virtio'/>${4:-}</disk>"
  [[ ${4:-} == *'<readonly/>'* ]] || { KIND_FILES+=("$2") KIND_FORMATS+=("$1") KIND_CONTENTS+=(''); }
}

# Defines a CD-ROM drive: drive [FILE]
drive() {
  local letter=${KIND_LETTERS:KIND_DRIVES:1}
  KIND_DRIVES=$((KIND_DRIVES + 1))
  KIND_XML+="<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>"
  [[ -z ${1:-} ]] || KIND_XML+="<source file='$(xml_text "$1")'/>"
  KIND_XML+="<target dev='hd$letter' bus='ide'/><readonly/></disk>"
}

# Makes a full clone with random content: full_clone FORMAT FILE [OPTIONS OF qemu-img]
full_clone() {
  require_absent "$2"
  on_host "$host" qemu-img convert -q -f raw -O "$1" ${3:+-o "$3"} "$(random_image kinds)" "$2"
}

# Makes a linked clone and puts something of its own into it: linked_clone FILE BACKING FORMAT BYTE
linked_clone() {
  require_absent "$1"
  on_host "$host" qemu-img create -q -f qcow2 -b "$2" -F "$3" "$1"
  on_host "$host" qemu-io -f qcow2 -c "write -q -P $4 $((0x$4 % 4 + 4))M 100k" "$1"
}

# Five layers: a raw template in another pool, backing paths that are absolute, relative, and relative through another folder.
kind_chain() {
  local base top
  base=$(in_pool secondary base.raw) top=$(in_pool primary chain.qcow2)
  full_clone raw "$base"
  linked_clone "${top%.qcow2}-1.qcow2" "../$(basename -- "${base%/*}")/${base##*/}" raw 11
  linked_clone "${top%.qcow2}-2.qcow2" "${top%.qcow2}-1.qcow2" qcow2 12
  linked_clone "${top%.qcow2}-3.qcow2" "./$guest-chain-2.qcow2" qcow2 13
  linked_clone "$top" "$guest-chain-3.qcow2" qcow2 14
  disk qcow2 "$top"
}

# Names that are hard for programs.
kind_names() {
  local base top
  base=$(in_pool primary "a template's \"name\", 50%.qcow2") top=$(in_pool primary "ü — a, b=c 'd' \"e\" <f> & 100%s.qcow2")
  full_clone qcow2 "$base"
  linked_clone "$top" "$base" qcow2 15
  disk qcow2 "$top"
}

kind_clusters() { kind_qcow2 clusters cluster_size=4k; }
kind_extended() { kind_qcow2 extended cluster_size=128k,extended_l2=on,compression_type=zstd; }
kind_lazy() { kind_qcow2 lazy lazy_refcounts=on,refcount_bits=8; }
kind_old() { kind_qcow2 old compat=0.10; }
# Where discards are handed on, what the guest has not written to gives its place back when it is copied.
kind_metadata() { kind_qcow2 metadata preallocation=metadata "cache='none'"; }
kind_falloc() { kind_qcow2 falloc preallocation=falloc "cache='none'"; }
kind_full() { kind_qcow2 full preallocation=full "cache='none'"; }
kind_qcow2() {
  local file
  file=$(in_pool primary "$1.qcow2")
  full_clone qcow2 "$file" "$2"
  disk qcow2 "$file" "${3:-}"
}

# Sizes that are no multiple of a cluster.
kind_odd() {
  local file
  file=$(in_pool primary odd.qcow2)
  full_clone qcow2 "$file"
  on_host "$host" qemu-img resize -q -f qcow2 "$file" +1536
  disk qcow2 "$file"
}
kind_holes() {
  local file
  file=$(in_pool primary holes.raw)
  full_clone raw "$file"
  on_host "$host" qemu-img resize -q -f raw "$file" +1536
  disk raw "$file"
}
# The same, of a guest whose discards are not handed on.
kind_ignoring() {
  local file
  file=$(in_pool primary ignoring.raw)
  full_clone raw "$file"
  disk raw "$file" "cache='none'"
}
kind_rawfalloc() {
  local file
  file=$(in_pool primary falloc.raw)
  full_clone raw "$file" preallocation=falloc
  disk raw "$file"
}
kind_rawfull() {
  local file
  file=$(in_pool primary full.raw)
  full_clone raw "$file" preallocation=full
  disk raw "$file"
}

# Encrypted by a secret that all hosts have.
kind_encrypted() {
  local file content each xml error
  file=$(in_pool primary encrypted.qcow2) content=$(random_image kinds)
  require_absent "$file"
  xml="<secret ephemeral='no' private='no'><uuid>$GUEST_SECRET</uuid><description>disks of the lab</description></secret>"
  for each in $LAB_HOSTS; do
    on_host "$each" virsh --quiet secret-define /dev/stdin <<<"$xml"
    on_host "$each" virsh --quiet secret-set-value "$GUEST_SECRET" --base64 "$(printf '%s' "$GUEST_PASSPHRASE" | base64)" 2>/dev/null
  done
  # QEMU 7.2 cannot always measure how long a passphrase takes.
  for ((each = 0; each < 50; each++)); do
    error=$(on_host "$host" qemu-img create -q -f qcow2 --object "secret,id=lab,data=$GUEST_PASSPHRASE" \
      -o encrypt.format=luks,encrypt.key-secret=lab,encrypt.iter-time=10 "$file" "$KIND_SIZE" 2>&1) && break
    [[ $error == *'Unable to get accurate CPU usage'* ]] || die "$error"
  done
  on_host "$host" qemu-img convert -q -n -f raw --object "secret,id=lab,data=$GUEST_PASSPHRASE" --target-image-opts "$content" \
    "driver=qcow2,encrypt.format=luks,encrypt.key-secret=lab,file.filename=$file"
  disk qcow2 "$file" '' "<encryption format='luks'><secret type='passphrase' uuid='$GUEST_SECRET'/></encryption>"
  KIND_CONTENTS[-1]=$content
}

# Everything that a definition can say of a disk and that has to arrive.
kind_tuned() {
  local file
  file=$(in_pool primary tuned.qcow2)
  full_clone qcow2 "$file"
  disk qcow2 "$file" "cache='writeback' discard='unmap' detect_zeroes='unmap' error_policy='stop' iothread='1'" \
    "<serial>TUNED-1</serial><boot order='3'/><iotune><total_iops_sec>900</total_iops_sec><write_bytes_sec>52428800</write_bytes_sec></iotune>"
}

# 2 TiB with 4 MiB in them.
kind_large() {
  local file
  file=$(in_pool primary large.qcow2)
  full_clone qcow2 "$file"
  on_host "$host" qemu-img resize -q -f qcow2 "$file" 2T
  disk qcow2 "$file"
}

# A full clone in another pool.
kind_elsewhere() {
  local file
  file=$(in_pool secondary elsewhere.qcow2)
  full_clone qcow2 "$file"
  disk qcow2 "$file"
}

# Disks in the pool that all hosts see: one for this guest alone, and one that others may have as well.
kind_common() {
  local file
  file=$(in_common common.qcow2)
  full_clone qcow2 "$file"
  disk qcow2 "$file"
}
kind_shareable() {
  local file
  file=$(in_common shareable.raw)
  full_clone raw "$file"
  disk raw "$file" "cache='none'" '<shareable/>'
}

# A disk that is only read, on a template. Kinds that the guest does not write to come last.
kind_readonly() {
  local base top
  base=$(in_pool secondary readonly-base.qcow2) top=$(in_pool primary readonly.qcow2)
  full_clone qcow2 "$base"
  linked_clone "$top" "$base" qcow2 16
  disk qcow2 "$top" '' '<readonly/>'
}

kind_empty() { drive; }
kind_iso() {
  local file
  file=$(in_pool primary medium.iso)
  full_clone raw "$file"
  drive "$file"
}
kind_commoniso() {
  local file
  file=$(in_common medium.iso)
  full_clone raw "$file"
  drive "$file"
}

# The folder of the pool `common`, which who uses these kinds has to define on the hosts.
in_common() {
  local folder
  folder=$(on_host "$host" virsh --quiet pool-dumpxml common | sed -n 's/.*<path>\(.*\)<\/path>.*/\1/p')
  printf '%s/%s-%s' "$folder" "$guest" "$1"
}

# Makes the disks of these kinds.
kinds_make() {
  local kind
  for kind; do
    [[ $(type -t "kind_$kind") == function ]] || misuse "there is no kind of disk '$kind'"
  done
  for kind; do "kind_$kind"; done
  ((${#KIND_FILES[@]} > 0)) || misuse "a guest needs a disk that it writes to"
}
