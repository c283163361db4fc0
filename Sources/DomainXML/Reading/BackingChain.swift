/// What the domain XML says about the images below a disk's own image.
///
/// libvirt takes an explicit `<backingStore>` over what the images' headers say, so a chain that is left in XML for
/// another host must be right there.
public enum BackingChain: Sendable, Hashable {
  /// One image of a chain.
  public struct Layer: Sendable, Hashable {
    /// Where the image is; `nil` when the element names none.
    public var source: DiskSource?
    /// The image's format, for example `qcow2`.
    public var format: String?

    /// Makes a layer.
    public init(source: DiskSource?, format: String?) {
      self.source = source
      self.format = format
    }

    /// Makes a layer that is an image file.
    public init(file path: String, format: String) {
      self.init(source: .file(path), format: format)
    }
  }

  /// No `<backingStore>`: libvirt reads the chain from the images' headers when the domain starts.
  case unlisted
  /// An empty `<backingStore/>`: the disk has no backing image, and libvirt does not look for one.
  case none
  /// The layers below the disk's own image, the nearest first. When the list is terminated, the last layer is known
  /// to have no backing image; else libvirt reads on from the last layer's header.
  case listed([Layer], isTerminated: Bool)

  /// The layers that are listed.
  public var layers: [Layer] {
    switch self {
    case .unlisted, .none: []
    case .listed(let layers, _): layers
    }
  }
}

extension BackingChain {
  /// Reads the `<backingStore>` in a disk.
  init(in disk: XMLElement) {
    guard let first = disk.first("backingStore") else {
      self = .unlisted
      return
    }
    var layers: [Layer] = []
    var next: XMLElement? = first
    while let store = next, !store.elements.isEmpty {
      layers.append(
        Layer(
          source: DiskSource(type: store[attribute: "type"] ?? "file", source: store.first("source")),
          format: store.first("format")?[attribute: "type"]))
      next = store.first("backingStore")
    }
    self = layers.isEmpty ? .none : .listed(layers, isTerminated: next != nil)
  }
}
