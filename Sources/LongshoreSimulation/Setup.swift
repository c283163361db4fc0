internal import LongshoreMessages

/// What a simulated world is like before anything happens in it.
struct Setup: Hashable {
  /// Whether migrations are ordered with the handover `fenced`.
  var isFenced = false
  /// Disks of each guest: 1 or 2.
  var disks = 1
  /// Whether the guests' first disks are linked clones of one template.
  var isLinked = false
  /// Whether the guests have definitions that outlive their runs.
  var isPersistent = true
  /// Whether the guests start with their host.
  var autostart = false
  /// Guests: 1, 2 or 6. The first is at alpha, the second at beta, the third at gamma, the fourth at alpha, and so on.
  var guests = 1
  /// Whether both guests' disks have the same file names.
  var sameNames = false
  /// Whether orders name the pool that all hosts share instead of a host's own.
  var intoShared = false
  /// How many migrations a host works on in either direction at once.
  var limit = 4
  /// The deadline of orders, in seconds.
  var deadline = 86_400
  /// Whether a file of the guest's name lies in beta's pool from the beginning.
  var leftover = false
  /// Whether the hosts keep nothing of a source's disks after a migration.
  var noGrace = false
  /// Whether orders are to be verified, where they are fenced.
  var verifies = false
  /// Whether what is copied does not arrive as it was.
  var spoils = false
  /// Whether orders have priorities, the operator moves those that wait, and the limit is also that of two hosts and of a pool.
  var ranks = false
  /// Whether orders want the guest suspended at the deadline.
  var forces = false
  /// Whether the operator names the owners of guests that wait for it.
  var names = false
  /// Whether hosts are drained.
  var drains = false
  /// Whether all guests are at alpha in the beginning.
  var isGathered = false
  /// Whether the world keeps its journals in SQLite as well and compares.
  var usesSQLite = false

  init() {}

  /// A setup of a seed.
  init(_ random: inout Randomness, seed: UInt64) {
    isFenced = random.once(in: 2)
    disks = 1 + random.below(2)
    isLinked = random.once(in: 3)
    isPersistent = !random.once(in: 6)
    autostart = random.once(in: 3)
    guests = random.once(in: 4) ? 2 : 1
    sameNames = guests == 2 && random.once(in: 2)
    intoShared = random.once(in: 4)
    limit = random.once(in: 3) ? 1 : 4
    deadline = random.once(in: 3) ? 600 : 86_400
    leftover = random.once(in: 20)
    noGrace = random.once(in: 4)
    usesSQLite = seed % 100 == 99
    // Not drawn, so that all else of a seed stays as it is.
    verifies = isFenced && seed % 3 != 0
    spoils = verifies && seed % 7 == 0
    ranks = seed % 4 == 1
    if seed % 12 == 5 {
      guests = 6
      limit = 1
      sameNames = false
    }
    forces = seed % 5 == 0
    names = seed % 4 == 2
    if seed % 11 == 6 {
      drains = true
      guests = seed / 11 % 3 == 0 ? 2 : 6
      isGathered = seed / 11 % 2 == 0
      sameNames = false
    }
  }

  /// The handover of the orders.
  var handover: MigrationOptions.Handover { isFenced ? .fenced : .direct }

  // MARK: - Text

  private static let flags: [(String, any WritableKeyPath<Setup, Bool> & Sendable)] = [
    ("fenced", \.isFenced), ("linked", \.isLinked), ("persistent", \.isPersistent), ("autostart", \.autostart),
    ("same-names", \.sameNames), ("into-shared", \.intoShared), ("leftover", \.leftover), ("no-grace", \.noGrace),
    ("sqlite", \.usesSQLite), ("verifies", \.verifies), ("spoils", \.spoils), ("ranks", \.ranks), ("forces", \.forces),
    ("names", \.names), ("drains", \.drains), ("gathered", \.isGathered),
  ]
  private static let numbers: [(String, any WritableKeyPath<Setup, Int> & Sendable)] = [
    ("disks", \.disks), ("guests", \.guests), ("limit", \.limit), ("deadline", \.deadline),
  ]

  /// One line: `setup disks=1 guests=1 limit=4 deadline=600 fenced persistent`.
  var text: String {
    var words = ["setup"]
    for (name, path) in Self.numbers { words.append("\(name)=\(self[keyPath: path])") }
    for (name, path) in Self.flags where self[keyPath: path] { words.append(name) }
    return words.joined(separator: " ")
  }

  /// Reads what ``text`` writes; nil where it is something else.
  init?(text: String) {
    let words = text.split(separator: " ")
    guard words.first == "setup" else { return nil }
    isPersistent = false
    for word in words.dropFirst() {
      let parts = word.split(separator: "=")
      if parts.count == 2, let number = Int(parts[1]), let path = Self.numbers.first(where: { $0.0 == parts[0] })?.1 {
        self[keyPath: path] = number
      } else if let path = Self.flags.first(where: { $0.0 == word })?.1 {
        self[keyPath: path] = true
      } else {
        return nil
      }
    }
  }

  /// Simpler setups that a violation may show in as well, for shrinking.
  var simpler: [Setup] {
    var all: [Setup] = []
    for (_, path) in Self.flags where self[keyPath: path] && path != \Setup.isPersistent && path != \Setup.isFenced && path != \Setup.drains
    {
      var next = self
      next[keyPath: path] = false
      all.append(next)
    }
    if disks > 1 { var next = self; next.disks = 1; all.append(next) }
    if guests > 1 { var next = self; next.guests = 1; all.append(next) }
    if limit < 4 { var next = self; next.limit = 4; all.append(next) }
    if !isPersistent { var next = self; next.isPersistent = true; all.append(next) }
    return all
  }
}
