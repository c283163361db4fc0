import LongshoreClient
import LongshoreMessages

/// Drives a ``FollowMachine`` with a link, a presenter and Ctrl-C.
struct Follower {
  /// The order that starts the migration.
  struct Order: Sendable {
    /// The order.
    var request: Request
    /// The source host.
    var host: HostAddress
    /// How long to wait for the host's answer.
    var time: Duration
  }

  /// How the migration's status is asked for.
  struct StatusQuestion: Sendable {
    /// The hosts' cluster.
    var cluster: NodeName
    /// How long hosts may take to answer.
    var time: Duration
    /// After how long without news it is asked again.
    var quiet = Duration.seconds(5)
    /// The time until which a question asked now may be answered.
    var deadline: @Sendable (Duration) -> Timestamp
    /// Makes the id of a question.
    var makeID: @Sendable () -> MigrationID
  }

  /// The way to the hosts.
  let link: any OrchestratorLink
  /// How to ask where the migration stands after the link was lost.
  let question: StatusQuestion
  /// Ctrl-C, and whatever else makes the screen change by itself.
  let signals: AsyncStream<FollowSignal>
  /// What the time is.
  let now: @Sendable () -> Timestamp
  /// Where progress goes.
  let write: @Sendable (String) -> Void

  private enum Happening: Sendable {
    case input(FollowMachine.Input)
    case signal(FollowSignal)
  }

  /// Follows until the machine says that it is over.
  /// - Parameters:
  ///   - heard: What has been heard before.
  ///   - order: The order to give, if the migration is not under way.
  func run(
    _ machine: FollowMachine, heard: [FollowMachine.Input] = [], order: Order?, presenter: inout any ProgressPresenter
  ) async -> FollowOutcome {
    var machine = machine
    let (happenings, source) = AsyncStream.makeStream(of: Happening.self)
    for input in heard { source.yield(.input(input)) }
    return await withTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      group.addTask { [link] in
        for await notice in link.notices { source.yield(.input(.notice(notice))) }
      }
      group.addTask { [signals] in
        for await signal in signals { source.yield(.signal(signal)) }
      }
      if let order {
        group.addTask { [link] in
          do throws(LinkError) {
            let reply = try await link.ask(order.request, of: order.host, within: order.time)
            source.yield(.input(.answered(reply)))
          } catch {
            source.yield(.input(.unanswered(error)))
          }
        }
      }
      for await happening in happenings {
        let input: FollowMachine.Input
        switch happening {
        case .input(let heard): input = heard
        case .signal(.interrupt): input = .interrupted
        case .signal(.redraw), .signal(.second):
          write(presenter.redraw(at: now()))
          continue
        }
        for effect in machine.apply(input) {
          switch effect {
          case .show(let report): write(presenter.present(report, at: now()))
          case .askStatus:
            group.addTask { [self, migration = machine.migration] in
              if let status = await status(of: migration) { source.yield(.input(.status(status))) }
            }
          case .awaitNews:
            group.addTask { [quiet = question.quiet] in
              if (try? await Task.sleep(for: quiet)) != nil { source.yield(.input(.quiet)) }
            }
          case .end(let outcome):
            write(presenter.end())
            return outcome
          }
        }
      }
      // The stream above is never finished, so it ends with the task alone.
      write(presenter.end())
      return .detached(accepted: machine.isAccepted)
    }
  }

  /// Where the migration stands; nil where no host says so in time. Following goes on either way: events tell the rest.
  private func status(of migration: MigrationID) async -> MigrationStatus? {
    let request = Request(
      id: question.makeID(), notAfter: question.deadline(question.time), command: .status(migration: migration))
    do {
      for try await reply in link.askAll(request, in: question.cluster, within: question.time) {
        if case .status(let status) = reply.body { return status }
      }
    } catch {
      return nil
    }
    return nil
  }
}

/// What happens on the operator's side while a migration is followed.
enum FollowSignal: Sendable, Hashable {
  /// Ctrl-C.
  case interrupt
  /// The terminal has another size.
  case redraw
  /// A second has passed.
  case second
}
