/// One thing that happens in the simulated world. A schedule is a list of them; what cannot happen when its turn comes is skipped,
/// so that any part of a schedule is a schedule.
struct Action: Hashable {
  /// What happens.
  enum Verb: UInt8, CaseIterable {
    // What happens by itself.

    /// A host's agent does the next step of a piece of work: host, migration, kind of work, how it comes out (0: well).
    case work
    /// A host's agent takes the next delivery of its queue: host, mode (0: acknowledged; 1: taken, and comes again; 2: taken 100 times).
    case deliver
    /// A host's agent publishes the first message of its outbox: host, mode (0: confirmed; 1: the confirm is lost).
    case publish
    /// libvirt's migration of a guest does its next step: guest, how it comes out (0: well).
    case move
    /// The guest runs for a while at a host and writes: host, guest.
    case write
    /// A host's agent deletes the disks whose time of grace has ended: host.
    case sweep
    /// A host's agent does the next step of its work for a drain: host, kind of work, guest, how it comes out (0: well).
    case drainWork

    // What people ask.

    /// Somebody orders a migration: its number, source, guest, destination.
    case order
    /// The order is sent once more: number.
    case repeatOrder
    /// Another order is sent with the same id: number.
    case reuseID
    /// Somebody cancels: number.
    case cancel
    /// The operator puts a migration before all that wait to leave its source: number.
    case requeue
    /// Somebody changes a migration's limits: number, which (0: a longer pause, 1: a deadline two days later).
    case tune
    /// Somebody wants the guest suspended until it has moved: number.
    case force
    /// The operator names the owner of a guest that waits for that word: number, at which host (0: the source, 1: the destination), which
    /// (0: the source, 1: the destination).
    case nameOwner
    /// Somebody orders a drain: its number, host, what it says, its deadline (see ``DrainCall``).
    case drain
    /// The order of a drain is sent once more: number.
    case repeatDrain
    /// Another order of a drain is sent with the same id: number.
    case reuseDrainID
    /// Somebody wants something of a drain: number, what (0: pause it, 1: resume it, 2: cancel it, 3: and its migrations that run).
    case steerDrain
    /// The operator takes a host out of its maintenance: host.
    case openHost
    /// Somebody starts a guest that has ended, where it was: host, guest.
    case startGuest

    // Faults.

    /// The agent of a host ends as by SIGKILL: host.
    case crashAgent
    /// The agent is started again: host.
    case startAgent
    /// The host's libvirtd ends as by SIGKILL: host, whether a confirmed migration's source was ended first.
    case crashDaemon
    /// libvirtd is started again: host.
    case startDaemon
    /// libvirtd hangs: host.
    case stallDaemon
    /// libvirtd goes on: host.
    case resumeDaemon
    /// The connection of a host's agent to the broker is cut: host.
    case cutBroker
    /// It is back: host.
    case mendBroker
    /// An agent's connection to another host's libvirtd is cut: host, other host.
    case cutRemote
    /// It is back: host, other host.
    case mendRemote
    /// Two hosts' daemons lose each other: host, other host.
    case cutDaemons
    /// They find each other again: host, other host.
    case mendDaemons
    /// The host is reset: everything on it ends, and what starts with the host starts: host.
    case reboot
    /// The journal is lost while the agent is down, and made anew: host.
    case loseJournal
    /// The journal cannot be written: host.
    case blockJournal
    /// It can be written again: host.
    case unblockJournal
    /// The broker loses the next delivery to a host, one that nobody waits for a confirm of: host.
    case lose
    /// The broker delivers the next message to a host twice: host.
    case duplicate
    /// The next delivery to a host goes to the end of the queue: host.
    case reorder
    /// A message that was sent to a host before arrives once more: host, which.
    case replay
    /// A host's wall clock is set: host, hours forward (1) or back (0).
    case setClock
    /// Time passes: 0: 2 s, 1: 40 s, 2: 15 min, 3: two days.
    case pass
    /// The guest ends by itself at a host: host, guest.
    case guestEnds
    /// Somebody destroys the guest at a host with virsh: host, guest.
    case destroyGuest
    /// A stranger's file appears under the name of a guest's disk: pool, guest, disk.
    case stranger
  }

  var verb: Verb
  var a: UInt16 = 0
  var b: UInt16 = 0
  var c: UInt8 = 0
  var d: UInt8 = 0

  init(_ verb: Verb, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0) {
    self.verb = verb
    self.a = UInt16(truncatingIfNeeded: a)
    self.b = UInt16(truncatingIfNeeded: b)
    self.c = UInt8(truncatingIfNeeded: c)
    self.d = UInt8(truncatingIfNeeded: d)
  }

  /// Whether the action is a fault, or an outcome that is one.
  var isFault: Bool {
    switch verb {
    case .work, .drainWork: d != 0
    case .deliver, .publish, .move: b != 0
    case .write, .sweep, .order, .requeue, .nameOwner, .drain, .openHost, .startAgent, .startDaemon, .resumeDaemon, .mendBroker,
      .mendRemote,
      .mendDaemons,
      .unblockJournal:
      false
    default: true
    }
  }

  /// The name under which it is counted where it is a fault.
  var name: String {
    switch verb {
    case .work: "work fails"
    case .drainWork: "work for a drain fails"
    case .deliver: b == 1 ? "delivery comes again" : "delivery comes 100 times"
    case .publish: "confirm is lost"
    case .move: "libvirt's migration fails"
    default: "\(verb)"
    }
  }

  // MARK: - Text

  /// One line: the verb and its numbers, the kind of work by its name.
  var text: String {
    let kind = verb == .work ? WorkKind(rawValue: c).map { "\($0)" } ?? "\(c)" : "\(c)"
    return "\(verb) \(a) \(b) \(kind) \(d)"
  }

  /// Reads what ``text`` writes; nil where it is something else.
  init?(text: String) {
    let words = text.split(separator: " ")
    guard words.count == 5, let verb = Verb.allCases.first(where: { "\($0)" == words[0] }), let a = UInt16(words[1]),
      let b = UInt16(words[2]), let c = UInt8(words[3]) ?? WorkKind.allCases.first(where: { "\($0)" == words[3] })?.rawValue,
      let d = UInt8(words[4])
    else { return nil }
    self.verb = verb
    (self.a, self.b, self.c, self.d) = (a, b, c, d)
  }
}
