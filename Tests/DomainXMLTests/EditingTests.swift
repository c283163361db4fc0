import DomainXML
import Testing

/// Each edit is checked against the whole text, so that a change anywhere else fails the test.
@Suite("Editing a domain")
struct EditingTests {
  private func live() throws -> DomainDocument { try DomainDocument(parsing: Fixture.live) }
  private func passthrough() throws -> DomainDocument { try DomainDocument(parsing: Fixture.passthrough) }

  @Test("Only the source of the named disk changes, and its index goes")
  func source() throws {
    var document = try live()
    try document.setSource(ofDisk: "vda", toFile: "/mnt/b/web-01-root.qcow2")
    #expect(
      document.serialized()
        == Fixture.live.replacing(
          "<source file='/mnt/pools/primary/web-01-root.qcow2' startupPolicy='mandatory' index='3'>",
          with: "<source file='/mnt/b/web-01-root.qcow2' startupPolicy='mandatory'>"))
  }

  @Test(
    "Any path that XML can express is written and read back",
    arguments: [
      "/a b/c & d.img", "/it's \"quoted\".img", "/<tag>.img", "/köln/日本/🦭.img", "/tab\there", "/line\nfeed",
      "/return\rhere", "/&amp;.img", "/]]>.img", "relative",
    ])
  func escaping(path: String) throws {
    var document = try live()
    try document.setSource(ofDisk: "vda", toFile: path)
    let again = try DomainDocument(parsing: document.serialized())
    #expect(again.disk("vda")?.source == .file(path))
    #expect(again == document)
  }

  @Test("Values that XML cannot express are refused", arguments: ["", "/a\u{0}b", "/a\u{1}b", "/a\u{FFFF}"])
  func invalidValues(value: String) throws {
    var document = try live()
    for edit in Self.edits(with: value) {
      let error = #expect(throws: DomainXMLError.self) { try edit(&document) }
      #expect(error?.code == .invalidValue)
    }
    #expect(document.serialized() == Fixture.live)
  }

  private static func edits(with value: String) -> [(inout DomainDocument) throws -> Void] {
    [
      { try $0.setSource(ofDisk: "vda", toFile: value) },
      { try $0.setFormat(ofDisk: "vda", to: value) },
      {
        try $0.setBackingChain(
          ofDisk: "vda", to: .listed([.init(file: value, format: "raw")], isTerminated: true))
      },
      { try $0.setListenAddress(ofGraphics: 0, to: value) },
      { try $0.setAttachment(ofInterface: "52:54:00:12:34:56", to: .bridge(value)) },
      { try $0.setNVRAM(toFile: value) },
    ]
  }

  @Test("The format changes in the driver, or brings one")
  func format() throws {
    var document = try live()
    try document.setFormat(ofDisk: "vdaa", to: "qcow2")
    #expect(
      document.serialized()
        == Fixture.live.replacing(
          "<driver name='qemu' type='raw'/>\n      <source file='/mnt/pools/primary/web-01-data.img'",
          with: "<driver name='qemu' type='qcow2'/>\n      <source file='/mnt/pools/primary/web-01-data.img'"))

    var bare = try passthrough()
    try bare.setFormat(ofDisk: "vdc", to: "raw")
    #expect(
      bare.serialized()
        == Fixture.passthrough.replacing(
          "<source pool='fast' volume='scratch.qcow2'/>",
          with: "<driver name='qemu' type='raw'/>\n      <source pool='fast' volume='scratch.qcow2'/>"))
  }

  private static let listedChain = """
    <backingStore type='file' index='4'>
            <format type='qcow2'/>
            <source file='/mnt/pools/primary/web-base.qcow2'>
              <seclabel model='dac' relabel='no'/>
            </source>
            <backingStore type='file' index='5'>
              <format type='raw'/>
              <source file='/mnt/pools/primary/templates/debian-12.img'/>
              <backingStore/>
            </backingStore>
          </backingStore>
    """

  @Test("A chain is removed with its line")
  func chainRemoved() throws {
    var document = try live()
    try document.setBackingChain(ofDisk: "vda", to: .unlisted)
    #expect(document.serialized() == Fixture.live.replacing("      \(Self.listedChain)\n", with: ""))
    #expect(document.disk("vda")?.backingChain == .unlisted)
    #expect(document.disk("vdaa")?.backingChain == BackingChain.none)
  }

  @Test("A chain is replaced by none")
  func chainNone() throws {
    var document = try live()
    try document.setBackingChain(ofDisk: "vda", to: .none)
    #expect(document.serialized() == Fixture.live.replacing(Self.listedChain, with: "<backingStore/>"))
  }

  @Test("A chain is replaced by a list, terminated or open", arguments: [true, false])
  func chainListed(isTerminated: Bool) throws {
    var document = try live()
    let chain = BackingChain.listed(
      [.init(file: "/b/base & co.qcow2", format: "qcow2"), .init(file: "/b/root.img", format: "raw")],
      isTerminated: isTerminated)
    try document.setBackingChain(ofDisk: "vda", to: chain)
    let end = isTerminated ? "<backingStore/>" : ""
    #expect(
      document.serialized()
        == Fixture.live.replacing(
          Self.listedChain,
          with: "<backingStore type='file'><format type='qcow2'/><source file='/b/base &amp; co.qcow2'/>"
            + "<backingStore type='file'><format type='raw'/><source file='/b/root.img'/>\(end)</backingStore>"
            + "</backingStore>"))
    #expect(document.disk("vda")?.backingChain == chain)
  }

  @Test("A chain is put where there was none")
  func chainInserted() throws {
    var document = try live()
    try document.setBackingChain(ofDisk: "sda", to: .none)
    #expect(
      document.serialized()
        == Fixture.live.replacing(
          "startupPolicy='optional'/>\n", with: "startupPolicy='optional'/>\n      <backingStore/>\n"))
  }

  @Test("Layers that are not files with a format are refused")
  func chainRefused() throws {
    var document = try live()
    let cases: [(BackingChain, DomainXMLError.Code)] = [
      (.listed([.init(source: .block("/dev/sda"), format: "raw")], isTerminated: true), .notApplicable),
      (.listed([.init(source: .file("/a"), format: nil)], isTerminated: true), .notApplicable),
      (.listed([], isTerminated: true), .invalidValue),
    ]
    for (chain, code) in cases {
      let error = #expect(throws: DomainXMLError.self) { try document.setBackingChain(ofDisk: "vda", to: chain) }
      #expect(error?.code == code)
    }
    #expect(document.serialized() == Fixture.live)
  }

  @Test("A mirror is removed; removing none changes nothing")
  func mirror() throws {
    var document = try live()
    try document.removeMirror(ofDisk: "vda")
    #expect(document.disk("vda")?.hasMirror == false)
    let mirror = """
            <mirror type='file' file='/mnt/pools/other/copy.qcow2' format='qcow2' job='copy' ready='yes'>
              <format type='qcow2'/>
              <source file='/mnt/pools/other/copy.qcow2'/>
            </mirror>

      """
    #expect(document.serialized() == Fixture.live.replacing(mirror, with: ""))
    let before = document
    try document.removeMirror(ofDisk: "vda")
    #expect(document == before)
  }

  @Test("A medium is ejected, and another put in")
  func medium() throws {
    var document = try live()
    try document.ejectMedium(fromDisk: "sda")
    #expect(
      document.serialized()
        == Fixture.live.replacing(
          "      <source file='/mnt/iso/debian-12.iso' startupPolicy='optional'/>\n", with: ""))
    try document.setSource(ofDisk: "sda", toFile: "/b/other.iso")
    #expect(
      document.serialized()
        == Fixture.live.replacing(
          "<source file='/mnt/iso/debian-12.iso' startupPolicy='optional'/>", with: "<source file='/b/other.iso'/>"))
    let error = #expect(throws: DomainXMLError.self) { try document.ejectMedium(fromDisk: "vda") }
    #expect(error?.code == .notApplicable)
  }

  @Test("Targets match exactly, exist once, and are files")
  func wrongDisks() throws {
    var document = try live()
    for target in ["vd", "vda ", "VDA", "", "vdb", "vda' or '1'='1"] {
      let error = #expect(throws: DomainXMLError.self) { try document.setSource(ofDisk: target, toFile: "/x") }
      #expect(error?.code == .notFound)
    }
    #expect(document.serialized() == Fixture.live)

    var others = try passthrough()
    for target in ["vda", "vdb", "vdc", "vdd"] {
      let error = #expect(throws: DomainXMLError.self) { try others.setSource(ofDisk: target, toFile: "/x") }
      #expect(error?.code == .notApplicable)
    }
    #expect(others.serialized() == Fixture.passthrough)

    var twice = try DomainDocument(parsing: Fixture.live.replacing("dev='vdaa'", with: "dev='vda'"))
    let error = #expect(throws: DomainXMLError.self) { try twice.setSource(ofDisk: "vda", toFile: "/x") }
    #expect(error?.code == .ambiguous)
    #expect(
      error?.description
        == "cannot set the source of disk vda: the domain has more than one disk with the target vda")

    var bare = try DomainDocument(parsing: "<domain type='kvm'><name>a</name></domain>")
    let none = #expect(throws: DomainXMLError.self) { try bare.setSource(ofDisk: "vda", toFile: "/x") }
    #expect(none?.code == .notFound)
  }

  @Test("The listen address changes in both places where it stands")
  func listenAddress() throws {
    var document = try live()
    try document.setListenAddress(ofGraphics: 0, to: "203.0.113.5")
    #expect(document.serialized() == Fixture.live.replacing("192.0.2.11", with: "203.0.113.5"))
    let network = #expect(throws: DomainXMLError.self) {
      try document.setListenAddress(ofGraphics: 1, to: "203.0.113.5")
    }
    #expect(network?.code == .notApplicable)
    let missing = #expect(throws: DomainXMLError.self) {
      try document.setListenAddress(ofGraphics: 2, to: "203.0.113.5")
    }
    #expect(missing?.code == .notFound)

    var other = try passthrough()
    try other.setListenAddress(ofGraphics: 1, to: "::1")
    #expect(
      other.serialized()
        == Fixture.passthrough.replacing("port='-1' autoport='yes'/>", with: "port='-1' autoport='yes' listen='::1'/>"))
  }

  @Test("An interface changes its bridge or network, by MAC address in any case")
  func attachment() throws {
    var document = try live()
    try document.setAttachment(ofInterface: "52:54:00:ab:cd:ef", to: .bridge("br-new"))
    try document.setAttachment(ofInterface: "52:54:00:12:34:56", to: .network("tenants-b"))
    #expect(
      document.serialized()
        == Fixture.live.replacing("bridge='br0'", with: "bridge='br-new'").replacing(
          "network='tenants' portgroup='blue' portid='b4ad0f61-6e3d-4f3c-9a6e-0d9f6a4d1c11' bridge='virbr7'",
          with: "network='tenants-b' portgroup='blue'"))
  }

  @Test("An interface changes the kind of its attachment")
  func attachmentKind() throws {
    var document = try live()
    try document.setAttachment(ofInterface: "52:54:00:12:34:56", to: .bridge("br1"))
    try document.setAttachment(ofInterface: "52:54:00:ab:cd:ef", to: .direct("eno2"))
    #expect(document.interfaces.map(\.attachment) == [.bridge("br1"), .direct("eno2")])
    #expect(!document.serialized().contains("virtualport"))
    #expect(!document.serialized().contains("portgroup"))

    var user = try passthrough()
    try user.setAttachment(ofInterface: "52:54:00:00:00:0A", to: .network("default"))
    #expect(
      user.serialized()
        == Fixture.passthrough.replacing(
          "<interface type='user'>\n      <mac address='52:54:00:00:00:0a'/>",
          with: "<interface type='network'>\n      <mac address='52:54:00:00:00:0a'/>\n"
            + "      <source network='default'/>"))
    let error = #expect(throws: DomainXMLError.self) {
      try user.setAttachment(ofInterface: "52:54:00:00:00:0a", to: .other(type: "user"))
    }
    #expect(error?.code == .notApplicable)
  }

  @Test("The path of the firmware variables, in both forms that libvirt writes")
  func nvram() throws {
    var document = try live()
    try document.setNVRAM(toFile: "/b/web-01_VARS.fd")
    #expect(
      document.serialized()
        == Fixture.live.replacing("/var/lib/libvirt/qemu/nvram/web-01_VARS.fd", with: "/b/web-01_VARS.fd"))

    let xml = """
      <domain type='kvm'><name>a</name><os><type>hvm</type><nvram type='file'><source file='/a'/></nvram></os></domain>

      """
    var typed = try DomainDocument(parsing: xml)
    try typed.setNVRAM(toFile: "/b")
    #expect(typed.serialized() == xml.replacing("file='/a'", with: "file='/b'"))

    var remote = try DomainDocument(
      parsing: "<domain type='kvm'><name>a</name><os><nvram type='network'><source/></nvram></os></domain>")
    #expect(throws: DomainXMLError.self) { try remote.setNVRAM(toFile: "/b") }
    var none = try passthrough()
    let error = #expect(throws: DomainXMLError.self) { try none.setNVRAM(toFile: "/b") }
    #expect(error?.code == .notFound)
  }
}
