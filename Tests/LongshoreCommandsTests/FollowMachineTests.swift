import LongshoreClient
import LongshoreMessages
import Testing

@testable import LongshoreCommands

@Suite struct FollowMachineTests {
  @Test func aMigrationIsFollowedToItsEnd() {
    var machine = FollowMachine(ordering: Sample.migration, until: .attention)
    #expect(machine.apply(.answered(Sample.accepted)) == [.show(.accepted), .awaitNews])
    let preparing = Sample.event(2, .preparing)
    #expect(machine.apply(.notice(.event(preparing))) == [.show(.event(preparing))])
    #expect(machine.apply(.quiet) == [])
    let completed = Sample.completed(3)
    #expect(
      machine.apply(.notice(.event(completed))) == [.show(.event(completed)), .end(.ended(completed))])
    #expect(machine.hasEnded)
    #expect(machine.apply(.interrupted) == [])
  }

  @Test func aRefusalEndsIt() {
    var machine = FollowMachine(ordering: Sample.migration, until: .attention)
    #expect(machine.apply(.answered(Sample.rejected)) == [.end(.refused(Sample.rejected))])
  }

  @Test func eventsThatComeTwiceOrLateAreNoNews() {
    var machine = FollowMachine(attachingTo: Sample.migration)
    let prepared = Sample.event(3, .prepared)
    let preparing = Sample.event(2, .preparing)
    #expect(machine.apply(.notice(.event(prepared))) == [.show(.event(prepared))])
    #expect(machine.apply(.notice(.event(prepared))) == [])
    #expect(machine.apply(.notice(.event(preparing))) == [])
    #expect(!machine.hasEnded)
  }

  @Test func aTerminalEventCountsWhateverIsMissingBeforeIt() {
    var machine = FollowMachine(ordering: Sample.migration, until: .attention)
    let failed = Sample.failed(9)
    #expect(machine.apply(.notice(.event(failed))) == [.show(.event(failed)), .end(.ended(failed))])
  }

  @Test func otherMigrationsAreNotHeard() {
    var machine = FollowMachine(attachingTo: Sample.migration)
    #expect(machine.apply(.notice(.event(Sample.event(1, .completed, of: Sample.id("other"))))) == [])
    #expect(machine.apply(.status(MigrationStatus.other)) == [])
  }

  @Test func otherHostsTellNothingOfIt() {
    var machine = FollowMachine(attachingTo: Sample.migration)
    _ = machine.apply(.status(Sample.status(.transferring)))
    var foreign = Sample.completed(7)
    foreign.data.sourceHost = Sample.beta.host
    #expect(machine.apply(.notice(.event(foreign))) == [] && !machine.hasEnded)
    var status = Sample.status(.cancelled)
    status.sourceHost = Sample.beta.host
    #expect(machine.apply(.status(status)) == [])
    #expect(machine.apply(.notice(.event(Sample.completed(7)))).count == 2)
  }

  @Test func eventsSayThatTheOrderIsTakenWhereItsAnswerIsLost() {
    var machine = FollowMachine(ordering: Sample.migration, until: .attention)
    _ = machine.apply(.notice(.event(Sample.event(1, .accepted))))
    #expect(machine.apply(.unanswered(.silence)) == [])
    #expect(machine.apply(.answered(Sample.accepted)) == [])
    #expect(machine.apply(.interrupted) == [.end(.detached(accepted: true))])
  }

  @Test func anOrderWithoutAnAnswerEndsUnheard() {
    var machine = FollowMachine(ordering: Sample.migration, until: .attention)
    #expect(machine.apply(.unanswered(.silence)) == [.end(.unheard(.silence))])
  }

  @Test func afterALostLinkTheStatusTellsWhatWasMissed() {
    var machine = FollowMachine(ordering: Sample.migration, until: .attention)
    let accepted = Sample.event(1, .accepted)
    _ = machine.apply(.notice(.event(accepted)))
    #expect(machine.apply(.notice(.lost(reason: "reset"))) == [.show(.linkLost(reason: "reset"))])
    #expect(machine.apply(.notice(.restored)) == [.show(.linkRestored), .askStatus, .awaitNews])
    #expect(machine.apply(.quiet) == [.askStatus, .awaitNews], "the host was away as well")
    let transferring = Sample.event(4, .transferring)
    let status = Sample.status(.transferring, events: [transferring, accepted])
    #expect(machine.apply(.status(status)) == [.show(.event(transferring)), .show(.status(status))])
    #expect(machine.apply(.notice(.event(transferring))) == [])
    #expect(machine.apply(.quiet) == [])
  }

  /// Its host accepts it again, as it must, and tells no events anew.
  @Test func anOrderThatIsRepeatedAfterItsEndIsAskedFor() {
    var machine = FollowMachine(ordering: Sample.migration, until: .attention)
    #expect(machine.apply(.answered(Sample.accepted)) == [.show(.accepted), .awaitNews])
    #expect(machine.apply(.quiet) == [.askStatus, .awaitNews])
    let failed = Sample.failed(4)
    let status = Sample.status(.failed, events: [failed])
    #expect(machine.apply(.status(status)) == [.show(.event(failed)), .end(.ended(failed))])
    #expect(machine.apply(.quiet) == [])
  }

  @Test func anEndThatWasMissedIsInTheStatus() {
    var machine = FollowMachine(attachingTo: Sample.migration)
    let completed = Sample.completed(7)
    let told = Sample.status(.completed, events: [completed])
    #expect(machine.apply(.status(told)) == [.show(.event(completed)), .end(.ended(completed))])

    var withoutEvents = FollowMachine(attachingTo: Sample.migration)
    let bare = Sample.status(.cancelled)
    #expect(withoutEvents.apply(.status(bare)) == [.end(.endedBefore(bare))])
  }

  @Test func anOrderThatIsNotAnsweredYetIsLeftToTheLinkWhenItIsBack() {
    var machine = FollowMachine(ordering: Sample.migration, until: .attention)
    #expect(machine.apply(.notice(.restored)) == [.show(.linkRestored)])
  }

  @Test func needsAttentionEndsAnOrderAndNotAWatch() {
    let attention = Sample.event(5, .needsAttention)
    var order = FollowMachine(ordering: Sample.migration, until: .attention)
    #expect(
      order.apply(.notice(.event(attention))) == [.show(.event(attention)), .end(.needsAttention(attention))])
    var watch = FollowMachine(attachingTo: Sample.migration)
    #expect(watch.apply(.notice(.event(attention))) == [.show(.event(attention))])
    #expect(!watch.hasEnded)
  }

  @Test func anOldNeedForAttentionDoesNotEndAnOrderThatHasGotOverIt() {
    let events = [Sample.event(2, .needsAttention), Sample.event(3, .confirming), Sample.completed(4)]
    var order = FollowMachine(ordering: Sample.migration, until: .attention)
    #expect(
      order.apply(.status(Sample.status(.completed, events: events))) == [
        .show(.event(events[0])), .show(.event(events[1])), .show(.event(events[2])), .end(.ended(events[2])),
      ])
    var needy = FollowMachine(ordering: Sample.migration, until: .attention)
    let status = Sample.status(.needsAttention, events: [events[0]])
    #expect(needy.apply(.status(status)) == [.show(.event(events[0])), .end(.needsAttention(events[0]))])
    let again = [events[0], events[1], Sample.event(4, .needsAttention)]
    var twice = FollowMachine(ordering: Sample.migration, until: .attention)
    #expect(
      twice.apply(.status(Sample.status(.needsAttention, events: again))) == [
        .show(.event(again[0])), .show(.event(again[1])), .show(.event(again[2])), .end(.needsAttention(again[2])),
      ])
  }

  @Test func disksThatDifferAreAnAlarmThatTheEndFollows() {
    let alarm = Sample.event(5, .needsAttention) { $0.reasons = [Reason(.contentDiffers, "disk vdb differs")] }
    var order = FollowMachine(ordering: Sample.migration, until: .attention)
    #expect(order.apply(.notice(.event(alarm))) == [.show(.event(alarm))])
    let end = Sample.verified(.differs)
    #expect(order.apply(.notice(.event(end))) == [.show(.event(end)), .end(.ended(end))])
  }

  @Test func ctrlCDetachesAndSaysWhetherTheOrderWasTaken() {
    var machine = FollowMachine(ordering: Sample.migration, until: .attention)
    #expect(machine.apply(.interrupted) == [.end(.detached(accepted: false))])
  }

  @Test func aDetachedOrderEndsWithItsAnswer() {
    var machine = FollowMachine(ordering: Sample.migration, until: .answer)
    #expect(machine.apply(.answered(Sample.accepted)) == [.end(.accepted(Sample.accepted))])
  }
}

extension MigrationStatus {
  fileprivate static var other: MigrationStatus {
    var status = Sample.status(.completed)
    status.id = Sample.id("other")
    return status
  }
}
