import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("Offers of layers", .timeLimit(.minutes(10)))
struct OfferMailboxTests {
  private let mailbox = OfferMailbox()
  private let id = MigrationSamples.id

  private func offer(_ layer: Int, _ uri: String) -> PeerMessage.LayerOffer {
    PeerMessage.LayerOffer(layer: layer, digest: nil, uri: uri)
  }

  @Test("Offers come to those who wait for the layer of the migration, in order")
  func delivery() async throws {
    var offers = await mailbox.offers(of: 1, migration: id).makeAsyncIterator()
    await mailbox.deliver(offer(2, "nbd://other-layer"), of: id)
    await mailbox.deliver(offer(1, "nbd://other-migration"), of: try Many.id(2))
    await mailbox.deliver(offer(1, "nbd://a"), of: id)
    await mailbox.deliver(offer(1, "nbd://b"), of: id)
    #expect(await offers.next()?.uri == "nbd://a")
    #expect(await offers.next()?.uri == "nbd://b")
  }

  @Test("All who wait get an offer")
  func several() async {
    var first = await mailbox.offers(of: 1, migration: id).makeAsyncIterator()
    var second = await mailbox.offers(of: 1, migration: id).makeAsyncIterator()
    await mailbox.deliver(offer(1, "nbd://a"), of: id)
    #expect(await first.next()?.uri == "nbd://a")
    #expect(await second.next()?.uri == "nbd://a")
  }

  @Test("An offer that came before anybody waited is of no use: the question is asked again")
  func early() async {
    await mailbox.deliver(offer(1, "nbd://early"), of: id)
    var offers = await mailbox.offers(of: 1, migration: id).makeAsyncIterator()
    await mailbox.deliver(offer(1, "nbd://a"), of: id)
    #expect(await offers.next()?.uri == "nbd://a")
  }
}
