package import LongshoreMessages

/// How far a copy has come: each part, and all of them as one bar that never runs backwards.
///
/// A guest that runs writes on, so that what is left to copy can grow. A part is first *copied once*, from nothing to all of it; what
/// the guest changes after that is *caught up* with, which is told by bytes and rates and moves no bar.
package struct CopyBar: Sendable, Hashable {
  /// What a part is.
  package enum Kind: Sendable, Hashable {
    case template, disk, memory
  }

  /// The templates, a disk or the memory.
  package struct Part: Sendable, Hashable {
    /// Its name: `templates`, `vda`, `memory`.
    package var name: String
    /// What it is.
    package var kind: Kind
    /// Its bytes as last heard.
    package var amount: Progress.Amount
    /// The furthest that its first copy has come, from 0 to 1.
    package var copied: Double
    /// Whether all of it has been copied once.
    package var isCopiedOnce: Bool

    /// Bytes that are left because the guest changed them after they were copied; nil while the first copy goes on.
    package var behind: UInt64? { isCopiedOnce ? amount.remaining : nil }
  }

  /// Templates are copied first, when it is not known yet how much of the disks there is to copy: this part of the bar is theirs.
  package static let shareOfTemplates = 0.2
  /// Memory is copied last and is unknown before: until it is known, the bar keeps this for it.
  package static let reservedForMemory = 0.05
  /// More parts than these are not told apart: no guest has as many disks.
  package static let mostParts = 64

  /// The parts, in the order in which they are copied.
  package private(set) var parts: [Part] = []
  /// How far the first copy of all has come, from 0 to 1.
  package private(set) var copied = 0.0

  private var furthest: [String: (Double, Bool)] = [:]
  private var hasTemplates = false

  /// A bar at its beginning.
  package init() {}

  /// Whether all parts have been copied once, so that the guest's changes alone are left.
  package var isCatchingUp: Bool { !parts.isEmpty && parts.contains { $0.kind == .memory } && parts.allSatisfy(\.isCopiedOnce) }

  /// Bytes still to be moved.
  package var remaining: UInt64 { parts.reduce(0) { Self.add($0, $1.amount.remaining) } }

  /// Takes in what was heard last.
  package mutating func update(_ progress: Progress) {
    var parts: [Part] = []
    if let template = progress.template {
      parts.append(part("templates", .template, template, isLater: false))
      hasTemplates = true
    }
    for disk in progress.disks.prefix(Self.mostParts) {
      parts.append(part(disk.target.text, .disk, disk.bytes, isLater: false))
    }
    if let memory = progress.memory {
      parts.append(part("memory", .memory, memory, isLater: (progress.iteration ?? 1) > 1))
    }
    self.parts = parts
    copied = max(copied, whole(of: parts))
  }

  /// The bar is at its end: the guest has moved.
  package mutating func finish() { copied = 1 }

  private mutating func part(_ name: String, _ kind: Kind, _ amount: Progress.Amount, isLater: Bool) -> Part {
    let key = "\(kind) \(name)"
    let (before, wasCopied) = furthest[key] ?? (0, false)
    let done = amount.total - min(amount.remaining, amount.total)
    let fraction = amount.total > 0 ? Double(done) / Double(amount.total) : 0
    let isCopiedOnce = wasCopied || isLater || (amount.total > 0 && amount.remaining == 0)
    let copied = isCopiedOnce ? 1 : max(before, fraction)
    furthest[key] = (copied, isCopiedOnce)
    return Part(name: name, kind: kind, amount: amount, copied: copied, isCopiedOnce: isCopiedOnce)
  }

  private func whole(of all: [Part]) -> Double {
    let rest = fraction(of: all.filter { $0.kind != .template })
    // Templates that are told of no more are in place.
    let template = all.first { $0.kind == .template }?.copied ?? (hasTemplates ? 1 : nil)
    guard let template else { return rest }
    return Self.shareOfTemplates * template + (1 - Self.shareOfTemplates) * rest
  }

  /// How far the first copy of disks and memory has come.
  private func fraction(of parts: [Part]) -> Double {
    let total = parts.reduce(0.0) { $0 + Double($1.amount.total) }
    guard total > 0 else { return 0 }
    let done = parts.reduce(0.0) { $0 + Double($1.amount.total) * $1.copied }
    let fraction = min(1, done / total)
    return parts.contains { $0.kind == .memory } ? fraction : min(fraction, 1 - Self.reservedForMemory)
  }

  private static func add(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }

  package static func == (left: Self, right: Self) -> Bool { left.parts == right.parts && left.copied == right.copied }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(parts)
    hasher.combine(copied)
  }
}
