import ArgumentParser
import LongshoreClient
import LongshoreMessages

/// Completions of values that the hosts know, for the shell's completion key: it asks the bus, and gives nothing where that cannot tell in
/// time.
///
/// Bash expands what it is given (`compgen -W`), and names of guests and pools come from outside: what is more than letters, digits and
/// `._+-` is left out.
struct BusCompletion: Sendable {
  /// What can stand there.
  enum Kind: Sendable {
    /// A host that answers.
    case host
    /// A guest that is not shut off.
    case guest
    /// A pool of any host.
    case pool
    /// A migration that has not ended.
    case openMigration
    /// A migration, also one that has ended.
    case migration
  }

  /// A value, and what it is for those shells that show that.
  struct Candidate: Hashable {
    var value: String
    var description: String
  }

  /// As many migrations are offered at most, the newest.
  static let most = 50

  let kind: Kind

  /// The completion of an argument.
  static func of(_ kind: Kind) -> CompletionKind {
    .custom { words, _, _ in
      let environment = CommandEnvironment.live
      let shell = CompletionShell.requesting
      let candidates = await BusCompletion(kind: kind).candidates(words: words, in: environment) { try? await Task.sleep(for: $0) }
      return candidates.map { line($0, for: shell) }
    }
  }

  /// The values that can stand there, sorted.
  /// - Parameters:
  ///   - words: The words of the command line, whose options that say where the broker is count.
  ///   - wait: Returns when a time has passed: that for all of it, with the way to the broker. The hosts' answers are waited for in half
  ///     of it, and all of them come in a small part of that where all is well.
  func candidates(
    words: [String], in environment: CommandEnvironment, wait: @escaping @Sendable (Duration) async -> Void
  ) async -> [Candidate] {
    guard let flags = try? ConnectionOptions.parse(Self.connectionArguments(in: words)) else { return [] }
    let reader = SettingsReader(environment: environment.variables, file: flags.config)
    guard let settings = try? await reader.settings(flags: flags), let time = try? await reader.completionTime() else { return [] }
    let (answers, teller) = AsyncStream.makeStream(of: Reply.self)
    let asking = Task { [command] in
      defer { teller.finish() }
      _ = try? await environment.openLink(settings, .nothing) { link in
        let end = environment.now().adding(milliseconds: 60_000)
        let request = Request(id: environment.makeID(), host: nil, notAfter: end, command: command)
        for try await reply in link.askAll(request, in: settings.cluster, within: time / 2) { teller.yield(reply) }
        return .done
      }
    }
    let waiting = Task {
      await wait(time)
      teller.finish()
    }
    var replies: [Reply] = []
    for await reply in answers { replies.append(reply) }
    asking.cancel()
    waiting.cancel()
    return candidates(in: replies)
  }

  private var command: Request.Command {
    switch kind {
    case .host, .guest, .pool: .describe
    case .openMigration: .list(includeEnded: false)
    case .migration: .list(includeEnded: true)
    }
  }

  private func candidates(in replies: [Reply]) -> [Candidate] {
    switch kind {
    case .openMigration, .migration:
      return ListSubcommand.migrations(in: replies).suffix(Self.most).reversed().map { status in
        let guest = Self.isPlain(status.guest.name) ? status.guest.name : status.guest.uuid
        return Candidate(
          value: status.id.text,
          description: "\(guest) from \(status.sourceHost) to \(status.destinationHost), \(status.phase.rawValue)")
      }
    case .host, .guest, .pool:
      var found: [String: Set<String>] = [:]
      for reply in replies {
        guard case .host(let host) = reply.body else { continue }
        let names: [String]
        switch kind {
        case .guest: names = host.guests.filter { $0.state != "shut off" }.map(\.name)
        case .pool: names = host.pools.filter(\.active).map(\.name)
        default: names = [reply.from.host.text]
        }
        for name in names where Self.isPlain(name) { found[name, default: []].insert(reply.from.host.text) }
      }
      return found.sorted { $0.key < $1.key }.map { name, hosts in
        Candidate(value: name, description: kind == .host ? "a host" : "on \(hosts.sorted().joined(separator: ", "))")
      }
    }
  }

  /// Whether no shell makes anything else of a name.
  static func isPlain(_ name: String) -> Bool {
    !name.isEmpty && !name.hasPrefix("-")
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }

  /// A candidate as the completion script of a shell takes it.
  static func line(_ candidate: Candidate, for shell: CompletionShell?) -> String {
    switch shell {
    case .zsh?: "\(candidate.value):\(candidate.description)"
    case .fish?: "\(candidate.value)\t\(candidate.description)"
    default: candidate.value
    }
  }

  /// The options of a command line that say where the broker is, with their values.
  static func connectionArguments(in words: [String]) -> [String] {
    let options = ["--broker", "--cluster", "--password-file", "--ca-file", "--certificate-file", "--key-file", "--config"]
    var arguments: [String] = []
    for (index, word) in words.enumerated() {
      if options.contains(word), index + 1 < words.endIndex {
        arguments += [word, words[index + 1]]
      } else if options.contains(where: { word.hasPrefix("\($0)=") }) {
        arguments.append(word)
      }
    }
    return arguments
  }
}
