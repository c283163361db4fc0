internal import DomainXML
internal import LongshoreMessages

/// What was found out about one of a guest's disks.
enum DiskFinding: Sendable {
  /// It is a drive without a medium.
  case nothing
  /// It keeps the guest from moving.
  case refused(Check)
  /// A medium that the order has ejected.
  case ejected(ResourceName)
  /// It stays where it is, on storage that both hosts have.
  case shared(ResourceName, DiskPlan.Chain)
  /// The guest only reads it.
  case readOnly(ResourceName, DiskPlan.Chain, missing: MissingMedium?)
  /// It is copied.
  case moving(ResourceName, DiskPlan.Chain, secret: String?)
}

/// The growing plan of a guest's disks.
struct DiskPlan {
  /// The images that a disk is made of, from the top down.
  struct Chain: Sendable {
    /// The path of the disk's own file, as the guest's definition has it.
    var path: String
    /// The images, as they say themselves.
    var images: [ImageInfo]
    /// The pools that their files are directly in, one for each image; nil for a file that is in none.
    var pools: [ResourceName?]
  }

  let here: NodeName
  let order: MigrateCommand
  var checks: [Check] = []
  private(set) var sourcePaths: [ResourceName: String] = [:]
  private(set) var layerPaths: [Int: String] = [:]

  private var disks: [PlannedDisk] = []
  private(set) var layers: [TemplateLayer] = []
  private var shared: [SharedDisk] = []
  private var readOnly: [ReadOnlyDisk] = []

  init(here: NodeName, order: MigrateCommand) {
    self.here = here
    self.order = order
  }

  /// Takes in what was found out about a disk.
  mutating func take(_ finding: DiskFinding) {
    switch finding {
    case .nothing: break
    case .refused(let check): checks.append(check)
    case .ejected(let target): eject(target)
    case .shared(let target, let chain): share(target, chain)
    case .readOnly(let target, let chain, let missing): addReadOnly(target, chain, missing: missing)
    case .moving(let target, let chain, let secret): add(target, chain, secret: secret)
    }
  }

  /// Adds a disk that is copied, with the layers below it.
  ///
  /// - Parameter secret: The UUID of the secret that the disk is encrypted by; nil for one that is not encrypted.
  mutating func add(_ target: ResourceName, _ chain: Chain, secret: String? = nil) {
    guard isReadable(chain, of: target, isEncrypted: secret != nil), let top = chain.images.first,
      let format = ImageFormat(rawValue: top.format),
      let pool = chain.pools.first ?? nil, let volume = ResourceName(PathText.name(of: chain.path))
    else { return }
    // Those that libvirt does not know of: what the guest sees is copied, and nothing else that the image holds.
    guard top.snapshots == 0 else {
      return refuse(
        .noSnapshots, "disk \(target): \(chain.path) holds \(top.snapshots == 1 ? "a snapshot" : "\(top.snapshots) snapshots") of its own")
    }
    let destination = order.pool(forDisk: target) ?? pool
    guard case .some(let below) = addLayers(chain, from: 1, of: target, to: destination) else { return }
    if disks.contains(where: { $0.destinationPool == destination && $0.volume == volume }) {
      return refuse(.distinctNames, "two disks have files named \(volume), and both would go into \(destination)")
    }
    sourcePaths[target] = chain.path
    let image = (try? FileStatus(ofPath: chain.path, operation: "look at \(chain.path)")).map(top.properties)
    // QEMU copies what has a place in the file as data, also where nothing was written to it.
    let allocation = image?.preallocation == nil ? top.actualSize ?? top.virtualSize : max(top.actualSize ?? 0, top.virtualSize)
    disks.append(
      PlannedDisk(
        target: target, format: format, virtualSize: top.virtualSize, allocation: allocation, sourcePool: pool,
        destinationPool: destination, volume: volume, backing: below, inode: FileProbe.inode(of: chain.path), image: image, secret: secret))
  }

  /// Adds a disk or medium that the guest only reads: all its files are layers.
  ///
  /// - Parameter missing: What to do where it is not at the destination; nil for a disk.
  mutating func addReadOnly(_ target: ResourceName, _ chain: Chain, missing: MissingMedium?) {
    guard isReadable(chain, of: target), let pool = chain.pools.first ?? nil else { return }
    // A medium is looked for where it is here: it is not one of the disks that the order sends elsewhere.
    let destination = (missing == nil ? order.pool(forDisk: target) : order.pools?.disks?[target]) ?? pool
    guard case .some(let layer) = addLayers(chain, from: 0, of: target, to: destination) else { return }
    sourcePaths[target] = chain.path
    readOnly.append(ReadOnlyDisk(target: target, layer: layer, missing: missing == .copy ? nil : missing))
  }

  /// Adds a medium that is ejected whatever is at the destination.
  mutating func eject(_ target: ResourceName) { readOnly.append(ReadOnlyDisk(target: target, layer: nil, missing: .eject)) }

  /// Adds a disk that stays where it is.
  mutating func share(_ target: ResourceName, _ chain: Chain) {
    guard isReadable(chain, of: target), let pool = chain.pools.first ?? nil else { return }
    let destination = order.pools?.disks?[target] ?? pool
    var files: [SharedDisk.File] = []
    for (index, image) in chain.images.enumerated() {
      let path = index == 0 ? chain.path : image.path
      guard let format = ImageFormat(rawValue: image.format), let volume = ResourceName(PathText.name(of: path)),
        let inode = FileProbe.inode(of: path)
      else { return refuse(.supportedDisks, "disk \(target): the name of \(path) cannot be sent") }
      guard let own = chain.pools[index] else {
        return refuse(.disksInPools, "disk \(target): its file \(path) is in no active pool of \(here)")
      }
      files.append(
        SharedDisk.File(pool: own == pool ? destination : order.pools?.templates ?? own, volume: volume, format: format, inode: inode))
    }
    sourcePaths[target] = chain.path
    shared.append(SharedDisk(target: target, files: files))
  }

  /// Refuses an order that names disks that the guest does not have, one that sends two files to one place, and one without anything to
  /// move.
  mutating func checkNames(of order: MigrateCommand) {
    let targets = disks.map(\.target) + shared.map(\.target) + readOnly.map(\.target)
    for target in Array((order.pools?.disks ?? [:]).keys) + (order.pools?.inPlace ?? []) where !targets.contains(target) {
      refuse(.knownDisks, "the request names the disk \(target), which is not one that can be moved")
    }
    for disk in disks where layers.contains(where: { $0.pool == disk.destinationPool && $0.volume == disk.volume }) {
      refuse(
        .distinctNames,
        "the file of disk \(disk.target) and one below the guest's disks are named \(disk.volume), and both would go into \(disk.destinationPool)"
      )
    }
    if targets.isEmpty, !checks.contains(where: { $0.outcome == .refused }) {
      refuse(.supportedDisks, "the guest has no disk to move", advice: "move it with `virsh migrate`")
    }
  }

  func plan(of guest: GuestDescription) -> MigrationPlan? {
    let plan = MigrationPlan(
      guest: guest, disks: disks, layers: layers, shared: shared.isEmpty ? nil : shared, readOnly: readOnly.isEmpty ? nil : readOnly,
      sourceTriesPath: true, templateConflict: order.options?.templateConflict,
      verify: order.options?.verify == true && !disks.isEmpty ? true : nil, heedsBandwidth: true)
    return plan.targets.isEmpty ? nil : plan
  }

  // MARK: - Layers

  /// Adds the layers of a chain from an index on, and returns the id of the first of them (nil inside where there is none); nil where
  /// one cannot be added, which is refused.
  private mutating func addLayers(
    _ chain: Chain, from first: Int, of target: ResourceName, to destination: ResourceName
  ) -> Int?? {
    var below: Int?
    for index in chain.images.indices.dropFirst(first).reversed() {
      let image = chain.images[index]
      let path = index == 0 ? chain.path : image.path
      guard let format = ImageFormat(rawValue: image.format), let name = ResourceName(PathText.name(of: path)) else {
        refuse(.supportedDisks, "disk \(target): the name of \(path) cannot be sent")
        return nil
      }
      // What is in the disk's own pool goes with the disk, and what is in no pool as well.
      let isElsewhere = chain.pools[index] != nil && chain.pools[index] != chain.pools[0]
      let pool = isElsewhere ? order.pools?.templates ?? chain.pools[index] ?? destination : destination
      if let known = layers.first(where: { $0.pool == pool && $0.volume == name }) {
        guard layerPaths[known.id] == path else {
          refuse(
            .distinctNames, "two different files are named \(name) in the chains of the guest's disks, and both would go into \(pool)")
          return nil
        }
        below = known.id
        continue
      }
      let layer = TemplateLayer(
        id: layers.count, pool: pool, volume: name, format: format, fileSize: FileProbe.size(of: path) ?? 0,
        virtualSize: image.virtualSize, backing: below)
      layers.append(layer)
      layerPaths[layer.id] = path
      below = layer.id
    }
    return .some(below)
  }

  /// Refuses a chain with an image that cannot be carried.
  private mutating func isReadable(_ chain: Chain, of target: ResourceName, isEncrypted: Bool = false) -> Bool {
    for (index, image) in chain.images.enumerated() {
      let defect: String? =
        if ImageFormat(rawValue: image.format) == nil {
          "has the format \(image.format)"
        } else if image.isEncrypted != (index == 0 && isEncrypted) {
          image.isEncrypted ? "is encrypted" : "is not encrypted in itself"
        } else if image.dataFile != nil || image.isCorrupt {
          "has an external data file or is corrupt"
        } else {
          nil
        }
      if let defect {
        refuse(.supportedDisks, "disk \(target): \(image.filename) \(defect)")
        return false
      }
    }
    if let image = chain.images.first(where: { $0.backingFilename != nil && $0.backingFormat == nil }) {
      refuse(
        .supportedDisks, "disk \(target): \(image.filename) does not say its backing file's format",
        advice: "add it while the guest is off (`qemu-img rebase -u -b FILE -F FORMAT`)")
      return false
    }
    return true
  }

  private mutating func refuse(_ rule: CheckRule, _ found: String, advice: String? = nil) {
    checks.append(rule.failed(on: here, found, advice: advice))
  }
}

extension ImageInfo {
  /// The file's path: what the image above says, resolved against its folder.
  var path: String { PathText.normalized(filename) }
}

extension BackingChain {
  /// Where the layers that libvirt runs a disk by are others than its images say, in words; nil where they are the same, or libvirt
  /// says nothing.
  ///
  /// - Parameter paths: The files below the disk's own, from the top down.
  func difference(from paths: [String]) -> String? {
    let listed = layers.map { $0.source?.path.map(PathText.normalized) ?? $0.source?.description ?? "nothing" }
    switch self {
    case .unlisted: return nil
    case .none: return paths.isEmpty ? nil : "nothing in its definition, \(paths.joined(separator: " over ")) in the image"
    case .listed(_, let isTerminated):
      let said = isTerminated ? paths : Array(paths.prefix(listed.count))
      guard listed != said else { return nil }
      return "\(listed.joined(separator: " over ")) in its definition, "
        + "\(paths.isEmpty ? "nothing" : paths.joined(separator: " over ")) in the image"
    }
  }
}
