# shellcheck shell=bash
# Guests that go on from where one like them had booted, which takes an emulated processor a quarter of what booting takes.
#
# The first guest of a kind boots under another name and waits (`longshore.hold`, guest/init.c); it is saved as libvirt saves guests, and
# what is its own replaced by marks. Each guest of the kind is restored from that, under its own name and with its own disks.
#
# Sourced by guest-up, which sets $host, $boot (the folder of the kernel) and $files (of the disks).
# shellcheck disable=SC2154

# The head of libvirt's file of a saved guest (struct _virQEMUSaveHeader, qemu_saveimage.h): a magic, and 19 numbers of 32 bits, which are
# the version, how long the definition and the cookie are together, whether the guest ran, how its memory is compressed, where the cookie
# begins, and 14 that are unused. Definition and cookie end with a zero byte; QEMU's stream follows.
readonly SAVED_MAGIC=LibvirtQemudSave SAVED_VERSION=2 SAVED_HEADER=92
readonly HELD='longshore.hold=1 '

# Numbers as 32 bits each, the lowest byte first.
words_of_32_bits() {
  local number
  for number; do
    printf '%b' "$(printf '\\x%02x' $((number & 255)) $((number >> 8 & 255)) $((number >> 16 & 255)) $((number >> 24 & 255)))"
  done
}

# A part of a file, without zero bytes: text_at FILE OFFSET BYTES
text_at() { dd if="$1" bs=64K iflag=skip_bytes,count_bytes skip="$2" count="$3" status=none | tr --delete '\0'; }

# Boots a guest and keeps it in a folder: booted_keep FOLDER DEFINITION NAME UUID
# In the definition it has this name and UUID, and HELD among its kernel's options. Where several are at it, the first one's is kept.
booted_keep() {
  local folder=$1 definition=$2 name=$3 uuid=$4 file length cookie number
  file=$(mktemp "$folder.XXXXXX")
  on_host "$host" virsh --quiet create /dev/stdin <<<"$definition" >/dev/null
  guest_await "$host" "$name" 180 '^held' || die "'$name' has not booted in 180 s; its console: $(guest_console "$host" "$name")"
  on_host "$host" virsh --quiet save "$name" "$file"
  rm -f -- "$(host_folder "$host")/var/log/libvirt/qemu/$name"*

  [[ $(head --bytes 16 "$file") == "$SAVED_MAGIC" && $(number_at "$file" 16 4) == "$SAVED_VERSION" && $(number_at "$file" 28 4) == 0 ]] ||
    die "libvirt has saved '$name' otherwise than expected: $file"
  length=$(number_at "$file" 20 4) cookie=$(number_at "$file" 32 4)
  mkdir "$file.kept"
  definition=$(text_at "$file" "$SAVED_HEADER" "$cookie")
  definition=${definition//"$name"/@NAME@}
  definition=${definition//"$uuid"/@UUID@}
  definition=${definition//"$boot"/@BOOT@}
  definition=${definition//"$HELD"/}
  for number in "${!files[@]}"; do definition=${definition//"${files[number]}"/@DISK$number@}; done
  printf '%s' "$definition" >"$file.kept/definition"
  text_at "$file" $((SAVED_HEADER + cookie)) $((length - cookie)) >"$file.kept/cookie"
  tail --bytes "+$((SAVED_HEADER + length + 1))" "$file" >"$file.kept/stream"
  rm -- "$file"
  mv --no-target-directory "$file.kept" "$folder" 2>/dev/null || rm -r -- "$file.kept"
}

# Starts a guest that is defined from what is kept of its kind in a folder: booted_start FOLDER NAME UUID
booted_start() {
  local folder=$1 name=$2 uuid=$3 definition cookie file number
  definition=$(<"$folder/definition") cookie=$(<"$folder/cookie")
  definition=${definition//@NAME@/"$name"}
  definition=${definition//@UUID@/"$uuid"}
  definition=${definition//@BOOT@/"$boot"}
  for number in "${!files[@]}"; do definition=${definition//@DISK$number@/"${files[number]}"}; done
  file=$(mktemp "$folder.XXXXXX")
  {
    printf '%s' "$SAVED_MAGIC"
    words_of_32_bits "$SAVED_VERSION" $((${#definition} + ${#cookie} + 2)) 1 0 $((${#definition} + 1)) 0 0 0 0 0 0 0 0 0 0 0 0 0 0
    printf '%s\0%s\0' "$definition" "$cookie"
    cat -- "$folder/stream"
  } >"$file"
  on_host "$host" virsh --quiet restore "$file"
  rm -- "$file"
  # Linux takes the first of two for the beginning of a SysRq.
  for number in 1 2; do on_host "$host" virsh --quiet qemu-monitor-command "$name" --hmp 'chardev-send-break charserial0'; done >/dev/null
}
