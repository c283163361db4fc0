import LongshoreMessages
import Testing

/// Something that is in the way of a migration from `alpha` to `beta`.
struct Obstacle: Sendable, CustomTestStringConvertible {
  /// What it is, in words.
  let testDescription: String
  /// The reason that it is refused with.
  let code: Reason.Code
  /// The step that finds it.
  var stage = MigrationEventData.Stage.checks
  /// The host that finds it.
  var finder = Lab.Host.beta
  /// The pool that the guest is to go into; nil for those of the same names.
  var pool: String?
  /// A disk that the order names besides, by its target.
  var disk: String?
  /// What makes it, as a program of the shell. `$name`, `$uuid`, `$there` and `$here` are the guest's name and UUID, and the
  /// folders of the pool `primary` at the source and on this host.
  let make: String
  /// What takes it away again.
  let unmake: String
  /// Whether the finder's libvirt is started anew for it, and again afterwards.
  var restartsLibvirt = false

  /// Runs the body with this in a guest's way.
  func with(_ guest: Guest, _ body: () async throws -> Void) async throws {
    try await run(make, guest)
    try await finally {
      try await body()
    } do: {
      try await run(unmake, guest)
    }
  }

  private func run(_ program: String, _ guest: Guest) async throws {
    try await guest.lab.shell(
      on: finder, "name=$1 uuid=$2 there=$3 here=$4\n" + program, guest.name, guest.uuid,
      guest.lab.folder(.primary, on: .alpha), guest.lab.folder(.primary, on: finder))
  }

  private static let domain =
    "<memory>16384</memory><os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"

  /// A pool on the destination that is the whole of a file system of its own.
  private static func inPool(
    _ description: String, code: Reason.Code, mountedWith options: String, then change: String = "true"
  ) -> Obstacle {
    Obstacle(
      testDescription: description, code: code, pool: "small",
      make: """
        mkdir /run/small
        mount -t tmpfs -o \(options) tmpfs /run/small
        virsh --quiet pool-define-as small dir --target /run/small
        virsh --quiet pool-start small
        \(change)
        """,
      unmake: """
        virsh --quiet pool-destroy small
        virsh --quiet pool-undefine small
        umount /run/small
        rmdir /run/small
        """)
  }

  /// A destination whose libvirt tells something else of its QEMU: what it keeps of the program, so that it need not ask it at each start,
  /// is edited by `sed`.
  private static func tellingOfQEMU(_ description: String, code: Reason.Code, _ edit: String) -> Obstacle {
    let restart = """
      restart() {
        pid=$(pgrep -x libvirtd)
        kill "$pid"
        timeout 300 tail --pid="$pid" -f /dev/null
        "$@"
        libvirtd --daemon --listen
      }
      kept=$(grep -l '<emulator>/usr/bin/qemu-system-x86_64<' /var/cache/libvirt/qemu/capabilities/*.xml)

      """
    return Obstacle(
      testDescription: description, code: code,
      // It keeps what it has asked for, and forgets it where it finds another program.
      make: "virsh domcapabilities >/dev/null\n" + restart + #"""
        cp "$kept" /run/capabilities.xml
        restart sed -i "\#(edit)" "$kept"
        ! cmp --silent "$kept" /run/capabilities.xml
        """#,
      unmake: restart + #"""
        restart mv /run/capabilities.xml "$kept"
        """#,
      restartsLibvirt: true)
  }

  /// A QEMU that the destination's libvirt may not take guests of an earlier one for: no obstacle, but one is warned of it.
  static let newerQEMU = tellingOfQEMU(
    "a QEMU that libvirt is too old for", code: .knownFault, "s|<version>[0-9]*</version>|<version>10000000</version>|")

  /// ext4 without extents and with blocks of 1 KiB has files of up to 16 GiB.
  static let smallFiles = Obstacle(
    testDescription: "a file system without files as large as the guest's", code: .fileTooLarge, pool: "small",
    make: """
      truncate --size 2G /run/small.image
      mkfs.ext4 -q -b 1024 -O ^extent,^64bit /run/small.image
      mkdir /run/small
      mount -o loop /run/small.image /run/small
      virsh --quiet pool-define-as small dir --target /run/small
      virsh --quiet pool-start small
      """,
    unmake: """
      virsh --quiet pool-destroy small
      virsh --quiet pool-undefine small
      umount /run/small
      rm -r /run/small /run/small.image
      """)

  static let all = [
    Obstacle(
      testDescription: "a template of the same name and size with other content", code: .templateDiffers, stage: .prepare,
      make: """
        cp "$there/\(Guest.template)" "$here/\(Guest.template)"
        printf other | dd of="$here/\(Guest.template)" bs=1 seek=40000000 conv=notrunc status=none
        """,
      unmake: #"rm "$here/\#(Guest.template)""#),
    Obstacle(
      testDescription: "a file of the template's name with another size", code: .templateDiffers,
      make: #"echo "not a template" >"$here/\#(Guest.template)""#, unmake: #"rm "$here/\#(Guest.template)""#),
    Obstacle(
      testDescription: "a file of the disk's name", code: .nameTaken, make: #"echo "of somebody else" >"$here/$name-data.qcow2""#,
      unmake: #"rm "$here/$name-data.qcow2""#),
    Obstacle(testDescription: "no pool of that name", code: .unknownPool, pool: "nowhere", make: "true", unmake: "true"),
    Obstacle(
      testDescription: "a pool that is not active", code: .poolInactive, pool: "secondary",
      make: "virsh --quiet pool-destroy secondary", unmake: "virsh --quiet pool-start secondary"),
    inPool("a pool without room", code: .noSpace, mountedWith: "size=16m"),
    inPool(
      "a pool in a file system that is read-only", code: .poolReadOnly, mountedWith: "size=64m", then: "mount -o remount,ro /run/small"),
    Obstacle(
      testDescription: "a pool whose file system does not answer", code: .poolNotAnswering, pool: "silent",
      make: """
        mkdir /run/silent /run/behind
        bindfs /run/behind /run/silent
        virsh --quiet pool-define-as silent dir --target /run/silent
        virsh --quiet pool-start silent
        pkill -STOP -x bindfs
        """,
      unmake: """
        pkill -CONT -x bindfs
        virsh --quiet pool-destroy silent
        virsh --quiet pool-undefine silent
        umount /run/silent
        rmdir /run/silent /run/behind
        """),
    inPool("a pool without room for more files", code: .noInodes, mountedWith: "nr_inodes=4"),
    Obstacle(
      testDescription: "a pool whose file system is not mounted any more", code: .poolNotMounted, pool: "small",
      make: """
        truncate --size 64M /run/small.image
        mkfs.ext4 -q /run/small.image
        mkdir /run/small
        virsh --quiet pool-define-as small fs --source-dev "$(losetup --find --show /run/small.image)" --target /run/small
        virsh --quiet pool-start small
        umount /run/small
        """,
      unmake: """
        virsh --quiet pool-destroy small
        losetup --detach "$(losetup --associated /run/small.image --noheadings --output NAME)"
        virsh --quiet pool-undefine small
        rm -r /run/small /run/small.image
        """),
    Obstacle(
      testDescription: "a pool that is the storage that the disks are on", code: .samePool, pool: "same",
      make: """
        virsh --quiet pool-define-as same dir --target "$there"
        virsh --quiet pool-start same
        """,
      unmake: """
        virsh --quiet pool-destroy same
        virsh --quiet pool-undefine same
        """),
    Obstacle(
      testDescription: "another domain of the guest's name", code: .domainExists,
      make: #"virsh --quiet define /dev/stdin <<<"<domain type='qemu'><name>$name</name>\#(domain)""#,
      unmake: #"virsh --quiet undefine "$name""#),
    Obstacle(
      testDescription: "a domain of the guest's UUID", code: .domainExists,
      make: #"virsh --quiet define /dev/stdin <<<"<domain type='qemu'><name>other</name><uuid>$uuid</uuid>\#(domain)""#,
      unmake: "virsh --quiet undefine other"),
    Obstacle(
      testDescription: "a destination's libvirt that the source does not reach", code: .libvirtUnreachable, finder: .alpha,
      make: "iptables --wait 30 -A OUTPUT -p tcp -m multiport --dports 16509,16514 -j REJECT --reject-with tcp-reset",
      unmake: "iptables --wait 30 -D OUTPUT -p tcp -m multiport --dports 16509,16514 -j REJECT --reject-with tcp-reset"),
    Obstacle(
      testDescription: "closed ports for disks and memory", code: .portClosed, finder: .alpha,
      make: "iptables --wait 30 -A OUTPUT -p tcp --dport 49152:49215 -j REJECT --reject-with tcp-reset",
      unmake: "iptables --wait 30 -D OUTPUT -p tcp --dport 49152:49215 -j REJECT --reject-with tcp-reset"),
    Obstacle(
      testDescription: "closed ports for templates", code: .portClosed,
      make: "iptables --wait 30 -A OUTPUT -p tcp --dport 10809:10872 -j REJECT --reject-with tcp-reset",
      unmake: "iptables --wait 30 -D OUTPUT -p tcp --dport 10809:10872 -j REJECT --reject-with tcp-reset"),
    Obstacle(
      testDescription: "a snapshot of the guest", code: .hasSnapshots, finder: .alpha,
      make: """
        virsh --quiet snapshot-create "$name" /dev/stdin --redefine <<END
        <domainsnapshot><name>before</name><state>shutoff</state><creationTime>1700000000</creationTime>
        $(virsh --quiet dumpxml --inactive "$name")</domainsnapshot>
        END
        """,
      unmake: #"virsh --quiet snapshot-delete "$name" before --metadata"#),
    Obstacle(
      testDescription: "a snapshot in a disk's image that libvirt does not list", code: .hasSnapshots, finder: .alpha,
      make: """
        virsh qemu-monitor-command "$name" \\
          '{"execute": "blockdev-snapshot-internal-sync", "arguments": {"device": "libvirt-1-format", "name": "before"}}' >/dev/null
        [[ -z $(virsh --quiet snapshot-list "$name" --name) ]]
        """,
      unmake: """
        virsh qemu-monitor-command "$name" \\
          '{"execute": "blockdev-snapshot-delete-internal-sync", "arguments": {"device": "libvirt-1-format", "name": "before"}}' >/dev/null
        """),
    Obstacle(
      testDescription: "a checkpoint of the guest", code: .hasCheckpoints, finder: .alpha,
      make: """
        virsh --quiet checkpoint-create "$name" /dev/stdin --redefine <<END
        <domaincheckpoint><name>before</name><creationTime>1700000000</creationTime>
        <disks><disk name='vda' checkpoint='bitmap' bitmap='before'/></disks>
        $(virsh --quiet dumpxml --inactive "$name")</domaincheckpoint>
        END
        """,
      unmake: #"virsh --quiet checkpoint-delete "$name" before --metadata"#),
    Obstacle(
      testDescription: "a block job on a disk", code: .guestBusy, finder: .alpha,
      make: #"virsh --quiet blockcopy "$name" vda /run/copy.qcow2 --transient-job --bytes --bandwidth 65536"#,
      unmake: """
        virsh --quiet blockjob "$name" vda --abort
        rm /run/copy.qcow2
        """),
    Obstacle(
      testDescription: "a source pool that is not active", code: .diskOutsidePools, finder: .alpha,
      make: "virsh --quiet pool-destroy primary", unmake: "virsh --quiet pool-start primary"),
    Obstacle(
      testDescription: "an emulator that is another program", code: .incompatibleMachine,
      make: "mount --bind /bin/false /usr/bin/qemu-system-x86_64", unmake: "umount /usr/bin/qemu-system-x86_64"),
    tellingOfQEMU("an older QEMU", code: .olderHypervisor, "s|<version>[0-9]*</version>|<version>5000000</version>|"),
    tellingOfQEMU(
      "a processor without something that the guest uses", code: .incompatibleCPU,
      "s|<property name='cx16' type='boolean' value='true'|<property name='cx16' type='boolean' value='false'|"),
    Obstacle(
      testDescription: "a disk that is forgotten when the guest ends", code: .unsupportedDisk, finder: .alpha,
      make: """
        qemu-img create -q -f qcow2 "$there/$name-scratch.qcow2" 8M
        virsh --quiet attach-device "$name" /dev/stdin --live <<END
        <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$there/$name-scratch.qcow2'/>
        <target dev='vdz' bus='virtio'/><transient/></disk>
        END
        """,
      unmake: """
        virsh --quiet detach-disk "$name" vdz --live
        timeout 300 bash -c 'while virsh domblklist "$0" | grep --quiet vdz; do :; done' "$name"
        rm "$there/$name-scratch.qcow2"
        """),
    Obstacle(
      testDescription: "memory that the guest shares with its host", code: .unmovableDevice, finder: .alpha,
      make: """
        virsh --quiet attach-device "$name" /dev/stdin --live <<END
        <shmem name='$name'><model type='ivshmem-plain'/><size unit='M'>1</size></shmem>
        END
        """,
      unmake: """
        virsh --quiet detach-device "$name" /dev/stdin --live <<END
        <shmem name='$name'><model type='ivshmem-plain'/><size unit='M'>1</size></shmem>
        END
        timeout 300 bash -c 'while virsh dumpxml "$0" | grep --quiet "<shmem"; do :; done' "$name"
        rm -f "/dev/shm/$name"
        """),
    Obstacle(
      testDescription: "two disks of one name, of two pools, for one", code: .nameTaken, finder: .alpha, pool: "primary",
      make: """
        qemu-img create -q -f qcow2 "${there%/*}/secondary/$name-data.qcow2" 8M
        virsh --quiet attach-disk "$name" "${there%/*}/secondary/$name-data.qcow2" vdz --subdriver qcow2 --live
        """,
      unmake: """
        virsh --quiet detach-disk "$name" vdz --live
        timeout 300 bash -c 'while virsh domblklist "$0" | grep --quiet vdz; do :; done' "$name"
        rm "${there%/*}/secondary/$name-data.qcow2"
        """),
    Obstacle(
      testDescription: "a disk in the order that the guest does not have", code: .unknownDisk, finder: .alpha, disk: "sdz", make: "true",
      unmake: "true"),
    Obstacle(
      testDescription: "a pool that holds no files", code: .unsupportedPool, pool: "blocks",
      make: """
        truncate --size 64M /run/blocks.image
        loop=$(losetup --find --show /run/blocks.image)
        parted --script "$loop" mklabel gpt
        virsh --quiet pool-define-as blocks disk --source-dev "$loop" --source-format gpt --target /dev
        virsh --quiet pool-start blocks
        """,
      unmake: """
        virsh --quiet pool-destroy blocks
        virsh --quiet pool-undefine blocks
        losetup --detach "$(losetup --associated /run/blocks.image --noheadings --output NAME)"
        rm /run/blocks.image
        """),
  ]
}
