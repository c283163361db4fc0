internal import Libvirt
internal import LongshoreMessages
internal import MigrationCore

/// Finds the template that another host asks for, with the layers below it, and offers it to that host.
struct TemplateOffers: Sendable {
  let here: NodeName
  let catalogue: TemplateCatalogue
  let images: QemuImg
  let offers: LayerOffers

  /// Answers the question for a template, which is repeated for as long as it is wanted.
  func answer(_ order: PrefetchOrder, of id: MigrationID, from host: HostAddress) async -> TemplateDescription {
    if let layers = await offers.renewed(id) { return TemplateDescription(layers: layers) }
    do {
      let (layers, paths) = try await find(order, for: host.host)
      await offers.offer(layers, at: paths, for: id)
      return TemplateDescription(layers: layers)
    } catch {
      return TemplateDescription(layers: [], failure: Reason.of(error, "offer the template \(order.template)"))
    }
  }

  /// The layers that a template consists of, with the pools that they go into, and their paths here.
  private func find(_ order: PrefetchOrder, for host: NodeName) async throws -> ([TemplateLayer], [Int: String]) {
    let found = try await catalogue.select(TemplateSelection(template: order.template, pool: order.pool))
    guard let template = found.first, found.count == 1 else {
      throw Reason.Failure(
        .unknownTemplate,
        "the pools \(found.map(\.pool.text).joined(separator: ", ")) of \(here) all have a file \(order.template): say which (`POOL/\(order.template)`)"
      )
    }
    if try await ExclusiveFile.isWritten(template.path) {
      throw Reason.Failure(.guestBusy, "\(template.path) on \(here) is the disk of a guest that writes to it, and no template")
    }
    let images = try await self.images.chain(of: template.path, format: template.format.rawValue)
    let pools = try await catalogue.pools()
    let chain = DiskPlan.Chain(
      path: template.path, images: images,
      pools: [template.pool] + images.dropFirst().map { pools[PathText.folder(of: $0.path)] })
    var plan = DiskPlan(
      here: here,
      order: MigrateCommand(
        guest: order.template, destination: .init(host: host),
        pools: .init(default: order.destinationPool, templates: order.layerPool)))
    plan.addReadOnly(order.template, chain, missing: nil)
    if let refused = plan.checks.first(where: { $0.outcome == .refused }) { throw Reason.Failure(Reason(refused)) }
    guard !plan.layers.isEmpty else { throw Reason.Failure(.unknownTemplate, "\(template.path) has no image") }
    return (plan.layers, plan.layerPaths)
  }
}
