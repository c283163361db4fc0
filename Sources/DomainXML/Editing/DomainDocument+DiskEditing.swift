extension DomainDocument {
  /// Gives a disk another image file.
  ///
  /// The disk must be of type `file`; an empty drive gets a source. Everything else in `<source>` is kept, such as
  /// `startupPolicy`, `<seclabel>` and `<encryption>`, except the `index` that libvirt assigned. The backing chain and
  /// the format are separate: see ``setBackingChain(ofDisk:to:)`` and ``setFormat(ofDisk:to:)``.
  ///
  /// - Throws: ``DomainXMLError``; the document is then unchanged.
  public mutating func setSource(ofDisk target: String, toFile path: String) throws(DomainXMLError) {
    let operation = "set the source of disk \(target)"
    try Self.check(path, "path", operation: operation)
    try editDisk(target, operation: operation) { (disk: inout XMLElement) throws(DomainXMLError) in
      try Self.requireFile(disk, operation: operation)
      if let index = disk.index(of: "source") {
        disk.edit(at: index) { source in
          source[attribute: "file"] = path
          source[attribute: "index"] = nil
        }
      } else {
        disk.insert(
          XMLElement(name: "source", attributes: [.init(name: "file", value: path)]), before: "target")
      }
    }
  }

  /// Takes the medium out of a CD-ROM or floppy drive.
  ///
  /// - Throws: ``DomainXMLError``; the document is then unchanged.
  public mutating func ejectMedium(fromDisk target: String) throws(DomainXMLError) {
    let operation = "eject the medium of \(target)"
    try editDisk(target, operation: operation) { (disk: inout XMLElement) throws(DomainXMLError) in
      guard ["cdrom", "floppy"].contains(disk[attribute: "device"]) else {
        throw DomainXMLError(.notApplicable, operation: operation, message: "it is not a drive with media")
      }
      disk.removeAll("source")
      disk.removeAll("backingStore")
    }
  }

  /// Sets the format of a disk's own image, for example `qcow2`.
  ///
  /// - Throws: ``DomainXMLError``; the document is then unchanged.
  public mutating func setFormat(ofDisk target: String, to format: String) throws(DomainXMLError) {
    let operation = "set the format of disk \(target)"
    try Self.check(format, "format", operation: operation)
    try editDisk(target, operation: operation) { disk in
      if let index = disk.index(of: "driver") {
        disk.edit(at: index) { $0[attribute: "type"] = format }
      } else {
        disk.insert(
          XMLElement(
            name: "driver",
            attributes: [.init(name: "name", value: "qemu"), .init(name: "type", value: format)]),
          before: disk.has("source") ? "source" : "target")
      }
    }
  }

  /// Says what is below a disk's own image: nothing said (``BackingChain/unlisted``), nothing there
  /// (``BackingChain/none``), or a list of image files.
  ///
  /// - Throws: ``DomainXMLError``; the document is then unchanged. Listed layers must be files with a format.
  public mutating func setBackingChain(ofDisk target: String, to chain: BackingChain) throws(DomainXMLError) {
    let operation = "set the backing chain of disk \(target)"
    let store = try Self.backingStore(for: chain, operation: operation)
    try editDisk(target, operation: operation) { disk in
      switch (disk.index(of: "backingStore"), store) {
      case (let index?, let store?): disk.children[index] = .element(store)
      case (_, nil): disk.removeAll("backingStore")
      case (nil, let store?): disk.insert(store, before: "target")
      }
    }
  }

  /// Removes the trace of a running block copy from a disk; does nothing where there is none.
  ///
  /// - Throws: ``DomainXMLError`` when there is not exactly one disk of this target.
  public mutating func removeMirror(ofDisk target: String) throws(DomainXMLError) {
    try editDisk(target, operation: "remove the mirror of disk \(target)") { $0.removeAll("mirror") }
  }

  private mutating func editDisk(
    _ target: String, operation: String, _ change: (inout XMLElement) throws(DomainXMLError) -> Void
  ) throws(DomainXMLError) {
    try editDevice(
      "disk", operation: operation, identity: "disk with the target \(target)",
      where: { $0.first("target")?[attribute: "dev"] == target }, change)
  }

  private static func requireFile(_ disk: XMLElement, operation: String) throws(DomainXMLError) {
    let type = disk[attribute: "type"] ?? "file"
    guard type == "file" else {
      throw DomainXMLError(.notApplicable, operation: operation, message: "its type is \(type), not file")
    }
  }

  /// The `<backingStore>` for a chain; `nil` for an unlisted one.
  private static func backingStore(
    for chain: BackingChain, operation: String
  ) throws(DomainXMLError) -> XMLElement? {
    switch chain {
    case .unlisted: return nil
    case .none: return XMLElement(name: "backingStore")
    case .listed(let layers, let isTerminated):
      guard !layers.isEmpty else {
        throw DomainXMLError(.invalidValue, operation: operation, message: "the list of layers is empty")
      }
      var store: XMLElement? = isTerminated ? XMLElement(name: "backingStore") : nil
      for layer in layers.reversed() { store = try element(for: layer, above: store, operation: operation) }
      return store
    }
  }

  private static func element(
    for layer: BackingChain.Layer, above store: XMLElement?, operation: String
  ) throws(DomainXMLError) -> XMLElement {
    guard case .file(let path) = layer.source, let format = layer.format else {
      throw DomainXMLError(
        .notApplicable, operation: operation,
        message: "a layer must be a file with a format, not \(layer.source?.description ?? "without a source")")
    }
    try check(path, "path of a layer", operation: operation)
    try check(format, "format of a layer", operation: operation)
    var children: [XMLNode] = [
      .element(XMLElement(name: "format", attributes: [.init(name: "type", value: format)])),
      .element(XMLElement(name: "source", attributes: [.init(name: "file", value: path)])),
    ]
    if let store { children.append(.element(store)) }
    return XMLElement(
      name: "backingStore", attributes: [.init(name: "type", value: "file")], children: children)
  }
}
