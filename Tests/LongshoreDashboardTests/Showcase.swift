import LongshoreMessages

@testable import LongshoreClient
@testable import LongshoreDashboard

/// A cluster in which everything is to be seen that pages show, with names and sizes as they are in the field.
enum Showcase {
  static let names = ["kvm-rack07-node11", "kvm-rack07-node12", "kvm-rack08-node01", "beta"].map(Sample.node)

  /// All is known, by now that is ``Sample/time(_:)`` of 100.
  static func model() -> ClusterModel {
    var model = ClusterModel(cluster: Sample.node("fra1-zone-b"))
    for input in [.brokerBack, .replaying(since: Sample.time(-604_800))] + moves() + ended() + drains() + [.replayed, round()] {
      model.apply(input, at: Sample.time(95))
    }
    return model
  }

  /// Those that are under way, wait, or need somebody.
  private static func moves() -> [ClusterModel.Input] {
    var inputs: [ClusterModel.Input] = []
    let guests = ["web-1", "customer-database-primary-production-eu-central-7", "i-2-3017-VM", "mail", "build-runner-16", "cache-a"]
    for (index, guest) in guests.enumerated() {
      let id = "7f0b6c52-2b0e-4c6e-9d0a-0c3a1f6f7a1\(index)"
      for (sequence, kind) in [MigrationEventData.Kind.accepted, .preparing, .prepared, .transferring].enumerated() {
        inputs.append(
          .event(
            event(sequence + 1, kind, at: Double(index + sequence * 3), id, guest) { data in
              if kind == .preparing { data.disks = [Sample.disk("vda"), Sample.disk("vdb")] }
              if kind == .prepared {
                data.checks = [
                  Check(
                    .noSpace, on: names[1], .warning, "the pool primary has 41 GiB free", advice: "Give it more room before the next move."),
                  Check(.olderHypervisor, on: names[1], .passed, "QEMU 7.2.0 on both hosts"),
                ]
              }
            }))
      }
      for step in 0..<30 {
        let caughtUp = UInt64(index == 1 ? 40 : 400 + step)
        var progress = Sample.progress(
          at: 12 + Double(step * 2), of: id, guest: guest,
          disks: [Sample.amount(UInt64(step) << 28, of: 40 << 30), Sample.amount(40 << 30, of: 40 << 30)],
          memory: Sample.amount(caughtUp << 20, of: 16 << 30), rate: UInt64(80 + step * 7 % 50) << 20, dirtyRate: 23 << 20, iteration: 2,
          reasons: index == 1 ? [Reason(.notConverging, "the guest writes 23 MiB/s, faster than the copy of its memory gets on")] : nil)
        progress.source = HostAddress(cluster: Sample.node("fra1-zone-b"), host: names[0]).eventSource
        progress.data.remainingSeconds = 3_725
        progress.data.expectedDowntimeMs = 1
        progress.data.throttlePercent = 20
        inputs.append(.progress(progress))
      }
    }
    let long =
      "`virsh domjobinfo` says nothing for /var/lib/libvirt/images/customer-database-primary-production-eu-central-7-vda.qcow2: the agent "
      + "tries again every five seconds"
    inputs.append(
      .event(
        event(5, .needsAttention, at: 80, "7f0b6c52-2b0e-4c6e-9d0a-0c3a1f6f7a12", guests[2]) { $0.reasons = [Reason(.undecided, long)] }))
    for position in 1...2 {
      let waiting = Waiting(
        host: names[0], limit: "outgoing migrations of \(names[0])", position: position,
        reason: Reason(.limitReached, "6 of 6 are under way"))
      inputs.append(
        .event(
          event(1, .queued, at: 60 + Double(position), "queued-\(position)", "waits-\(position)", to: names[2]) { $0.waiting = waiting }))
    }
    return inputs
  }

  /// Those that have ended, each in another way.
  private static func ended() -> [ClusterModel.Input] {
    var inputs: [ClusterModel.Input] = []
    for number in 0..<60 {
      let start = -7_200 - Double(number) * 600
      inputs += Sample.history("done-\(number)", from: start, guest: "batch-\(number)").map { event in
        var event = event
        event.data.sourceHost = names[3]
        event.data.destinationHost = names[2]
        if event.data.runsAt != nil { event.data.runsAt = names[2] }
        event.source = HostAddress(cluster: Sample.node("fra1-zone-b"), host: names[3]).eventSource
        return .event(event)
      }
    }
    inputs.append(
      .event(
        event(3, .failed, at: -3_600, "failed-1", "ledger") { data in
          data.stage = .checks
          data.seconds = 2
          data.reasons = [Reason(.unknownPool, "there is no pool named fast-nvme-tier-1 on \(names[1])")]
          data.checks = [CheckRule.knownPool.failed(on: names[1], "there is no pool named fast-nvme-tier-1", advice: "Define the pool.")]
        }))
    inputs.append(.event(event(3, .cancelled, at: -3_000, "cancelled-1", "ledger") { $0.seconds = 61 }))
    return inputs
  }

  private static func drains() -> [ClusterModel.Input] {
    let counts = DrainEventData.Counts(total: 9, waiting: 2, moving: 5, done: 1, left: 1)
    return [
      .drain(
        DrainEvent(
          drain: Sample.id("d-1"), host: HostAddress(cluster: Sample.node("fra1-zone-b"), host: names[0]), sequence: 2,
          time: Sample.time(70),
          data: DrainEventData(
            .paused, host: names[0], phase: .paused, counts: counts,
            reasons: [Reason(.noHost, "no host has room for customer-database-primary-production-eu-central-7")])))
    ]
  }

  private static func round() -> ClusterModel.Input {
    var round = HostRound(askedAt: Sample.time(90))
    for (index, name) in names.dropLast().enumerated() {
      var host = Sample.host(guests: index == 0 ? 1 : 12)
      host.pools = [
        HostDescription.Pool(name: "primary", type: "dir", active: true, capacity: 4_000 << 30, available: 41 << 30, grace: 200 << 30),
        HostDescription.Pool(name: "fast-nvme-tier-1-with-a-long-name", type: "netfs", active: false, capacity: 0, available: 0),
      ]
      round.hosts[name] = host
    }
    return .round(round)
  }

  private static func event(
    _ sequence: Int, _ kind: MigrationEventData.Kind, at seconds: Double, _ id: String, _ guest: String,
    to destination: NodeName = names[1],
    edit: (inout MigrationEventData) -> Void = { _ in }
  ) -> MigrationEvent {
    Sample.event(sequence, kind, at: seconds, of: id, guest: guest, from: names[0], to: destination, edit: edit)
  }
}
