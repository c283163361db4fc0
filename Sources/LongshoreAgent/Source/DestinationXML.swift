internal import DomainXML
internal import LongshoreMessages
internal import MigrationCore

/// Makes the definitions that a guest gets at its destination: everything as it is, but for the disks' files.
enum DestinationXML {
  /// Exchanges the disks' sources in a definition.
  ///
  /// The layers below a linked clone are written out: what a definition says of them overrides the image's header, and libvirt
  /// lists those of the source in some states and not in others.
  static func rewrite(_ xml: String, disks: [PreparedDisk]) throws -> String {
    var document = try DomainDocument(parsing: xml)
    for disk in disks {
      let target = disk.target.text
      guard let top = disk.chain.first else {
        throw Reason.Failure(.operationFailed, "the destination prepared nothing for the disk \(target)")
      }
      guard document.disk(target) != nil else { continue }
      try document.setSource(ofDisk: target, toFile: top.path)
      try document.setFormat(ofDisk: target, to: top.format.rawValue)
      let below = disk.chain.dropFirst().map { BackingChain.Layer(file: $0.path, format: $0.format.rawValue) }
      try document.setBackingChain(ofDisk: target, to: below.isEmpty ? .none : .listed(below, isTerminated: true))
      if document.disk(target)?.hasMirror == true { try document.removeMirror(ofDisk: target) }
    }
    return document.serialized()
  }
}
