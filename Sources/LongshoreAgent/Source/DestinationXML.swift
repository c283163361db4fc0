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
      guard let present = document.disk(target) else { continue }
      guard let top = disk.chain.first else {
        guard present.isDrive else {
          throw Reason.Failure(.operationFailed, "the destination prepared nothing for the disk \(target)")
        }
        try document.ejectMedium(fromDisk: target)
        continue
      }
      // A drive that is empty in the definition to start by stays so, whatever is in it now.
      if present.isDrive, present.source == nil { continue }
      try document.setSource(ofDisk: target, toFile: top.path)
      try document.setFormat(ofDisk: target, to: top.format.rawValue)
      let below = disk.chain.dropFirst().map { BackingChain.Layer(file: $0.path, format: $0.format.rawValue) }
      try document.setBackingChain(ofDisk: target, to: below.isEmpty ? .none : .listed(below, isTerminated: true))
      if document.disk(target)?.hasMirror == true { try document.removeMirror(ofDisk: target) }
    }
    // A medium that the guest does not have now was not looked for at the destination.
    let prepared = Set(disks.map(\.target.text))
    for disk in document.disks where disk.isDrive && disk.source != nil && !prepared.contains(disk.target) {
      try document.ejectMedium(fromDisk: disk.target)
    }
    return document.serialized()
  }
}

extension Disk {
  /// Whether it is a drive, whose medium can be taken out.
  fileprivate var isDrive: Bool { device == .cdrom || device == .floppy }
}
