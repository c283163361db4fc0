/// A template in a pool of a host: an image that others have as their backing file.
public struct TemplateFile: Sendable, Hashable, Codable {
  /// Where a template comes from that Longshore has copied.
  public struct Copied: Sendable, Hashable, Codable {
    /// The host that it was copied from.
    public var from: NodeName
    /// When the copy was published.
    public var at: Timestamp

    /// A copy.
    public init(from: NodeName, at: Timestamp) {
      self.from = from
      self.at = at
    }
  }

  /// The pool that the file is in.
  public var pool: ResourceName
  /// The file's name in the pool.
  public var volume: ResourceName
  /// The image's format, as the images that lie on it say.
  public var format: ImageFormat
  /// The file's size, in bytes.
  public var fileSize: UInt64
  /// What identifies its content; absent where it has not been read since it changed last.
  public var digest: LayerDigest?
  /// How many images in the host's pools have it as their backing file, directly.
  public var images: Int
  /// Where it comes from, for one that Longshore has copied; absent for others.
  public var copied: Copied?
  /// Whether nobody may write to it, by its permissions.
  public var isReadOnly: Bool

  /// A template.
  public init(
    pool: ResourceName, volume: ResourceName, format: ImageFormat, fileSize: UInt64, digest: LayerDigest? = nil, images: Int,
    copied: Copied? = nil, isReadOnly: Bool
  ) {
    self.pool = pool
    self.volume = volume
    self.format = format
    self.fileSize = fileSize
    self.digest = digest
    self.images = images
    self.copied = copied
    self.isReadOnly = isReadOnly
  }

  private enum CodingKeys: String, CodingKey {
    case pool, volume, format, fileSize, digest, images, copied
    case isReadOnly = "readOnly"
  }
}

/// Templates of a host: all, those of a pool, or one by its name.
public struct TemplateSelection: Sendable, Hashable, Codable {
  /// The file's name; nil for all templates.
  public var template: ResourceName?
  /// The pool; nil for all pools.
  public var pool: ResourceName?

  /// A selection.
  public init(template: ResourceName? = nil, pool: ResourceName? = nil) {
    self.template = template
    self.pool = pool
  }
}

/// The order to put a template, with the layers below it, in place ahead of the guests that need it.
public struct PrefetchOrder: Sendable, Hashable, Codable {
  /// The file's name, on both hosts.
  public var template: ResourceName
  /// The host that it is copied from.
  public var from: NodeName
  /// The pool that it is in there; nil where one pool alone has a file of this name.
  public var pool: ResourceName?
  /// The pool that it goes into; nil for the pool of the same name as the one that it is in. Layers below it that are in its pool go
  /// with it.
  public var destinationPool: ResourceName?
  /// The pool that layers below it go into which are in another pool than it; nil for the pools of the same names.
  public var layerPool: ResourceName?

  /// An order.
  public init(
    template: ResourceName, from: NodeName, pool: ResourceName? = nil, destinationPool: ResourceName? = nil, layerPool: ResourceName? = nil
  ) {
    self.template = template
    self.from = from
    self.pool = pool
    self.destinationPool = destinationPool
    self.layerPool = layerPool
  }
}

/// Work on templates that takes long: how far it is, and what came of it.
public struct TemplateWork: Sendable, Hashable, Codable {
  /// What is done.
  public enum Kind: String, Hashable, WireWord {
    /// Templates are put in place ahead of the guests that need them.
    case prefetch
    /// Templates are read and compared with what was remembered of them.
    case verify
  }

  /// Where the work stands.
  public enum Phase: String, Hashable, WireWord {
    /// It waits for its turn.
    case queued
    /// It goes on.
    case working
    /// It has ended: all files are done, whatever was found.
    case done
    /// It has ended: it could not be done, and nothing of it is left.
    case failed
    /// It has ended: it was cancelled, and nothing of it is left.
    case cancelled

    /// Whether the work has ended.
    public var isTerminal: Bool {
      switch self {
      case .queued, .working: false
      case .done, .failed, .cancelled: true
      }
    }
  }

  /// A file that is worked on.
  public struct File: Sendable, Hashable, Codable {
    /// What has become of a file.
    public enum State: String, Hashable, WireWord {
      /// Its turn has not come.
      case waiting
      /// It is copied or read.
      case working
      /// Prefetch: it was there already, and is the same.
      case present
      /// Prefetch: it was copied, compared and published.
      case copied
      /// Verify: its content is what was remembered.
      case same
      /// Verify: nothing was remembered of it; its content is from now on.
      case new
      /// Verify: its content is not what was remembered.
      case differs
      /// Verify: it could not be read.
      case unreadable
    }

    /// The pool that it is in, on the host that works.
    public var pool: ResourceName
    /// Its name.
    public var volume: ResourceName
    /// Its size, in bytes.
    public var fileSize: UInt64
    /// What has become of it.
    public var state: State
    /// Verify: what its content is now; absent until it is read.
    public var digest: LayerDigest?
    /// Verify: what was remembered of it; absent for nothing.
    public var remembered: LayerDigest?
    /// Verify: why it could not be read, or what else is to be said.
    public var reason: Reason?

    /// A file.
    public init(
      pool: ResourceName, volume: ResourceName, fileSize: UInt64, state: State, digest: LayerDigest? = nil, remembered: LayerDigest? = nil,
      reason: Reason? = nil
    ) {
      self.pool = pool
      self.volume = volume
      self.fileSize = fileSize
      self.state = state
      self.digest = digest
      self.remembered = remembered
      self.reason = reason
    }
  }

  /// The work's id: that of the request that ordered it first.
  public var id: MigrationID
  /// What is done.
  public var kind: Kind
  /// Where it stands.
  public var phase: Phase
  /// Prefetch: the host that the templates come from.
  public var source: NodeName?
  /// The bytes that are copied or read.
  public var bytesDone: UInt64
  /// The bytes to be copied or read in all; 0 while that is unknown.
  public var bytesTotal: UInt64
  /// The files, those below others first; empty while they are unknown.
  public var files: [File]
  /// Why it failed or was cancelled.
  public var reason: Reason?

  /// Work on templates.
  public init(
    id: MigrationID, kind: Kind, phase: Phase, source: NodeName? = nil, bytesDone: UInt64 = 0, bytesTotal: UInt64 = 0, files: [File] = [],
    reason: Reason? = nil
  ) {
    self.id = id
    self.kind = kind
    self.phase = phase
    self.source = source
    self.bytesDone = bytesDone
    self.bytesTotal = bytesTotal
    self.files = files
    self.reason = reason
  }
}

/// What a host answers that is asked for a template: the file with the layers below it, as it offers them from then on.
public struct TemplateDescription: Sendable, Hashable, Codable {
  /// The layers, each after the one below it, with the pools at the destination; empty where there is a reason.
  public var layers: [TemplateLayer]
  /// Why the template cannot be offered; nil where it can.
  public var failure: Reason?

  /// A description.
  public init(layers: [TemplateLayer], failure: Reason? = nil) {
    self.layers = layers
    self.failure = failure
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    layers = try container.decode([TemplateLayer].self, forKey: .layers)
    failure = try container.decodeIfPresent(Reason.self, forKey: .failure)
    // As of a plan: what cannot be a file's size is not read, so that sizes can be added.
    var rest = UInt64(Int64.max)
    for size in layers.map(\.fileSize) {
      guard size <= rest else { throw invalidValue(decoder, "its files have more than \(Int64.max) bytes") }
      rest -= size
    }
    var ids = Set<Int>()
    for layer in layers {
      guard layer.backing.map(ids.contains) ?? true, ids.insert(layer.id).inserted else {
        throw invalidValue(decoder, "the layer \(layer.id) does not come after the one below it")
      }
    }
  }
}
