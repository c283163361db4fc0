import DomainXML
import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("The definition at the destination")
struct DestinationXMLTests {
  /// A guest with a linked clone that is mirrored, a full clone, a CD-ROM, and things that Longshore knows nothing of.
  private static let definition = """
    <domain type='kvm' id='7'>
      <name>web</name>
      <uuid>0b5f0c1e-8a9d-4d8e-b7a7-3a1c0c7d9e01</uuid>
      <metadata><x:tag xmlns:x="urn:x" owner="a &amp; b"/></metadata>
      <memory unit='KiB'>262144</memory>
      <devices>
        <disk type='file' device='disk'>
          <driver name='qemu' type='qcow2' cache='none' novelty='yes'/>
          <source file='/pools/fast/web.qcow2' index='3'/>
          <backingStore type='file' index='4'>
            <format type='qcow2'/>
            <source file='/pools/fast/debian.qcow2'/>
            <backingStore/>
          </backingStore>
          <mirror type='file' job='copy' ready='yes'>
            <format type='qcow2'/>
            <source file='/pools/other/copy.qcow2'/>
          </mirror>
          <target dev='vda' bus='virtio'/>
          <serial>ROOT</serial>
        </disk>
        <disk type='file' device='disk'>
          <driver name='qemu' type='raw'/>
          <source file='/pools/fast/web-data.raw'/>
          <target dev='vdb' bus='virtio'/>
        </disk>
        <disk type='file' device='disk'>
          <driver name='qemu' type='raw'/>
          <source file='/pools/fast/web.qcow2.raw'/>
          <target dev='vdba' bus='virtio'/>
        </disk>
        <disk type='file' device='cdrom'>
          <target dev='sda' bus='sata'/>
          <readonly/>
        </disk>
        <newdevice model='2030'><option>kept</option></newdevice>
      </devices>
    </domain>
    """

  private func rewritten(_ xml: String = definition) throws -> (text: String, document: DomainDocument) {
    let text = try DestinationXML.rewrite(xml, disks: MigrationSamples.preparedDisks)
    return (text, try DomainDocument(parsing: text))
  }

  @Test("A linked clone gets its new files, and the layers below are written out to the end")
  func linkedClone() throws {
    let disk = try #require(try rewritten().document.disk("vda"))
    #expect(disk.source == .file("/mnt/slow/web.qcow2"))
    #expect(disk.format == "qcow2")
    #expect(disk.backingChain == .listed([BackingChain.Layer(file: "/mnt/slow/debian.qcow2", format: "qcow2")], isTerminated: true))
    #expect(disk.serial == "ROOT")
    #expect(disk.cache == "none")
  }

  @Test("A full clone has nothing below it, which is said so that nothing is guessed")
  func fullClone() throws {
    let disk = try #require(try rewritten().document.disk("vdb"))
    #expect(disk.source == .file("/mnt/slow/web-data.raw"))
    #expect(disk.format == "raw")
    #expect(disk.backingChain == .none)
  }

  @Test("A mirror of the source is not taken along")
  func mirror() throws {
    let (text, document) = try rewritten()
    #expect(try #require(document.disk("vda")).hasMirror == false)
    #expect(!text.contains("/pools/other/copy.qcow2"))
  }

  @Test("Other disks stay as they are, also those with names that are alike")
  func otherDisks() throws {
    let before = try DomainDocument(parsing: Self.definition)
    let (_, document) = try rewritten()
    for target in ["vdba", "sda"] { #expect(document.disk(target) == before.disk(target)) }
  }

  @Test("What Longshore does not know is kept")
  func unknownElements() throws {
    let (text, _) = try rewritten()
    for part in ["<newdevice model=\"2030\"><option>kept</option></newdevice>", "novelty=\"yes\"", "owner=\"a &amp; b\"", "urn:x"] {
      #expect(text.replacing("'", with: "\"").contains(part), "\(part)")
    }
  }

  @Test("A disk that a definition does not have is none of its business: a guest may have been given it while it ran")
  func hotPlugged() throws {
    let persistent =
      "<domain type='kvm'><name>web</name><devices><disk type='file' device='disk'><source file='/a'/><target dev='vdb'/></disk></devices></domain>"
    let (text, document) = try rewritten(persistent)
    #expect(document.disks.map(\.target) == ["vdb"])
    #expect(!text.contains("web.qcow2"))
  }

  @Test("A disk for which nothing was prepared is refused")
  func nothingPrepared() throws {
    let error = #expect(throws: Reason.Failure.self) {
      try DestinationXML.rewrite(Self.definition, disks: [PreparedDisk(target: MigrationSamples.name("vda"), chain: [])])
    }
    #expect(error?.reason.message.contains("vda") == true)
  }

  @Test("A medium gets its new file, is ejected where nothing was prepared for it, and is not put into a drive that is to be empty")
  func media() throws {
    func definition(_ media: [String: String?]) -> String {
      let drives = media.map { target, path in
        "<disk type='file' device='cdrom'>\(path.map { "<source file='\($0)'/>" } ?? "")<target dev='\(target)'/><readonly/></disk>"
      }
      return "<domain type='kvm'><name>web</name><devices>\(drives.joined())</devices></domain>"
    }
    let prepared = [
      PreparedDisk(target: MigrationSamples.name("sda"), chain: [.init(path: "/mnt/iso/a.iso", format: .raw)]),
      PreparedDisk(target: MigrationSamples.name("sdb"), chain: []),
    ]
    let live = try DomainDocument(
      parsing: DestinationXML.rewrite(definition(["sda": "/iso/a.iso", "sdb": "/iso/b.iso", "sdc": nil]), disks: prepared))
    #expect(live.disk("sda")?.source == .file("/mnt/iso/a.iso"))
    #expect(live.disk("sdb")?.source == nil && live.disk("sdc")?.source == nil)
    let persistent = try DomainDocument(
      parsing: DestinationXML.rewrite(definition(["sda": nil, "sdb": "/iso/b.iso", "sdc": "/iso/c.iso"]), disks: prepared))
    #expect(persistent.disks.count == 3 && persistent.disks.allSatisfy { $0.source == nil })
  }
}
