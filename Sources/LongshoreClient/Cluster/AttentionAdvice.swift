public import LongshoreMessages

/// What a migration that needs attention calls for, by the codes of its reasons.
public struct AttentionAdvice: Sendable, Hashable {
  /// The codes that have steps of their own. Each has a section in the page ``page`` of the documentation.
  public static let codes: [Reason.Code] = [
    .splitBrain, .undecided, .postCheckFailed, .destinationUnreachable, .transferStalled, .journalChanged, .operationFailed,
    .contentDiffers,
  ]
  /// The title of the page that has each case in full.
  public static let page = "A migration needs attention"
  /// Where the package `longshore` has that page.
  public static let installedPage = "/usr/share/doc/longshore/how-to/needs-attention.md"

  /// What to do, in sentences and in this order. Commands are in backquotes.
  public let steps: [String]

  /// The advice for a migration.
  /// - Parameters:
  ///   - reasons: Why it needs attention. Where a call to libvirt or to the file system fails with a code of its own, that is a code
  ///     without steps of its own, and what holds for `operation-failed` holds.
  ///   - migration: Its id.
  ///   - guest: What is moved.
  ///   - source: The host that it leaves.
  ///   - destination: The host to which it goes.
  public init(
    for reasons: [Reason], of migration: MigrationID, guest: GuestReference, from source: NodeName, to destination: NodeName
  ) {
    var codes: [Reason.Code] = []
    for reason in reasons {
      let code = Self.codes.contains(reason.code) ? reason.code : .operationFailed
      if !codes.contains(code) { codes.append(code) }
    }
    if codes.isEmpty { codes = [.undecided] }
    let domstate = "`virsh domstate \(guest.uuid) --reason`"
    let sections = codes.map { "\"\($0.text)\"" }.joined(separator: " and ")
    steps =
      codes.flatMap { Self.steps(for: $0, migration, guest: guest.uuid, domstate: domstate, source, destination) } + [
        "Nothing is lost by waiting: all files are kept, and the guest is locked on both hosts. Do not start it by hand.",
        "`longshore doctor` looks at both hosts; `longshore watch \(migration)` follows what happens.",
        "The page \"\(Self.page)\" has more, at \(sections): \(Self.installedPage)",
      ]
  }

  private static func steps(
    for code: Reason.Code, _ migration: MigrationID, guest: String, domstate: String, _ source: NodeName, _ destination: NodeName
  ) -> [String] {
    switch code {
    case .destinationUnreachable:
      [
        "Bring the agent of \(destination) back: `systemctl restart longshored` there. The end of its log says what it lacks: "
          + "`journalctl --unit longshored --since -1h`",
        "If \(destination) stays away, see to it that it is off, then name the host that has the guest, as the reason says: "
          + "`longshore resolve \(migration) --owner HOST`",
      ]
    case .undecided:
      [
        "See where the guest runs: \(domstate) on \(source) and on \(destination).",
        "Bring back the libvirt (`systemctl restart libvirtd`) or the host that does not answer: the agents do the rest.",
        "If it stays away, be sure that its guests are off, and name the other host: `longshore resolve \(migration) --owner HOST`",
        "If the guest runs nowhere although both hosts answer, find out first which copy is the newest; the page says how.",
      ]
    case .splitBrain:
      [
        "Nothing has to be done for the guest to go on: the agents end one copy by themselves, and the last event names the host on "
          + "which it runs.",
        "What the ended copy wrote is lost. See in the guest what it did twice in that moment.",
      ]
    case .transferStalled:
      [
        "If the reason says that the copy at \(destination) is there: see whether the pools there answer. If they stay away, "
          + "`longshore cancel \(migration)`, which ends that copy too.",
        "Else, if it says that the guest runs on: `systemctl restart libvirtd` on \(source), which stops no guest. The migration then "
          + "ends as failed, with the guest there.",
        "If it says that the guest stands still, see whether \(destination) has it: \(domstate) there. If it has, leave the guest as it "
          + "is, and restart libvirt's daemon on \(source) too.",
        "If \(destination) does not have it, wait for a minute. If the guest still stands, only ending it on \(source) frees it: "
          + "`virsh destroy \(guest)`, and `virsh start \(guest)` after the migration's end.",
      ]
    case .postCheckFailed:
      [
        "See whether the guest runs on \(destination), or waits there paused: \(domstate)",
        "Put right on \(destination) what the reason names; the agents look again by themselves.",
        "If what is there is what you want: `longshore resolve \(migration) --owner \(destination)`",
      ]
    case .journalChanged:
      [
        "See which host runs the guest, \(domstate) on \(source) and on \(destination), and name it: "
          + "`longshore resolve \(migration) --owner HOST`",
        "Do not remove files that look left over; `longshore orphans --host \(destination)` tells afterwards which are nobody's.",
      ]
    case .contentDiffers:
      [
        "The guest runs on \(destination), and the migration goes on. Do not purge its disks that are kept on \(source): "
          + "`longshore grace list`",
        "Compare the places that the reason names. If the guest has written nothing since that must be kept, the source's disks are the "
          + "good ones.",
        "Look for the cause before the next migration, in the storage and the memory of both hosts: `journalctl --dmesg`",
      ]
    default:
      [
        "See what fails in the logs of both agents (`journalctl --unit longshored --since -1h`) and in the pools "
          + "(`virsh pool-list --all`), and put it right: the agents try again by themselves.",
        "If a job of libvirt does not end, wait for a minute, then restart its daemon on the host that the reason names, which stops no "
          + "guest: `systemctl restart libvirtd`",
      ]
    }
  }
}
