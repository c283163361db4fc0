import DomainXML
import LongshoreTestKit
import Testing

@Suite("Refused documents")
struct RefusalTests {
  @Test(
    "XML that is not well-formed",
    arguments: [
      "", " ", "text", "<domain type='kvm'><name>a</na",
      "<domain type='kvm'><name>a</name>",
      "<domain type='kvm'><name>a</domain></name>",
      "<domain type=kvm><name>a</name></domain>",
      "<domain type='kvm' type='qemu'><name>a</name></domain>",
      "<domain type='kvm'><name>a</name></domain><domain type='kvm'><name>b</name></domain>",
      "<domain type='kvm'><name>a</name></domain>trailing",
      "<domain type='kvm'><name>a & b</name></domain>",
      "<domain type='kvm'><name>&undeclared;</name></domain>",
      "<domain type='kvm'><name>a&#0;</name></domain>",
      "<domain type='kvm'><name>a\u{1}</name></domain>",
      "<domain type='kvm'><name>a\u{0}</name></domain>",
      "<domain type='<'><name>a</name></domain>",
      "<domain type='kvm'><name>a</name><qemu:commandline/></domain>",
      "<domain type='kvm'><name>a</name><!-- a -- b --></domain>",
      " <?xml version='1.0'?><domain type='kvm'><name>a</name></domain>",
    ])
  func malformed(xml: String) {
    let error = #expect(throws: DomainXMLError.self) { try DomainDocument(parsing: xml) }
    #expect(error?.code == .malformed)
    #expect(error?.message.isEmpty == false)
  }

  @Test("The line of the mistake is told")
  func line() {
    let error = #expect(throws: DomainXMLError.self) {
      try DomainDocument(parsing: "<domain type='kvm'>\n<name>a</name>\n<x></y>\n</domain>")
    }
    #expect(error?.line == 3)
    #expect(error?.description.hasPrefix("cannot read the domain XML: Opening and ending tag mismatch") == true)
    #expect(error?.description.hasSuffix("(line 3)") == true)
  }

  @Test(
    "Document type declarations, with whatever is in them",
    arguments: [
      "<!DOCTYPE domain>",
      "<!DOCTYPE domain SYSTEM 'file:///etc/passwd'>",
      "<!DOCTYPE domain PUBLIC '-//x' 'http://192.0.2.1/x.dtd'>",
      "<!DOCTYPE domain [<!ENTITY host SYSTEM 'file:///etc/hostname'>]>",
      "<!DOCTYPE domain [<!ENTITY % p SYSTEM 'http://192.0.2.1/p'> %p;]>",
      "<?xml version='1.0'?><!-- hidden --><!DOCTYPE domain [<!ATTLIST domain type CDATA 'kvm'>]>",
      "<!DOCTYPE domain [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
        + "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;'>"
        + "<!ENTITY e '&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;'><!ENTITY f '&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;'>]>",
      "<!DOCTYPE domain [ not even a declaration",
    ])
  func documentType(declaration: String) {
    let xml = declaration + "<domain type='kvm' f='&f;'><name>&f;&host;</name></domain>"
    let error = #expect(throws: DomainXMLError.self) { try DomainDocument(parsing: xml) }
    #expect(error?.code == .documentTypeRefused)
  }

  @Test(
    "Well-formed XML that is not one domain",
    arguments: [
      "<network><name>a</name></network>",
      "<domain><name>a</name></domain>",
      "<domain type=''><name>a</name></domain>",
      "<domain type='kvm'/>",
      "<domain type='kvm'><name/></domain>",
      "<domain type='kvm'><name>a</name><name>b</name></domain>",
      "<domain type='kvm'><name>a</name><devices/><devices/></domain>",
      "<domainsnapshot><domain type='kvm'><name>a</name></domain></domainsnapshot>",
      "<x:domain xmlns:x='urn:x' type='kvm'><name>a</name></x:domain>",
    ])
  func otherDocuments(xml: String) {
    let error = #expect(throws: DomainXMLError.self) { try DomainDocument(parsing: xml) }
    #expect(error?.code == .notADomain)
  }

  @Test("Bytes that are not UTF-8, and other declared encodings")
  func encodings() {
    let cases: [[UInt8]] = [
      Array("<domain type='kvm'><name>".utf8) + [0xC3, 0x28] + Array("</name></domain>".utf8),
      Array("<domain type='kvm'><name>".utf8) + [0xED, 0xA0, 0x80] + Array("</name></domain>".utf8),
      [0xFF, 0xFE] + "<domain/>".utf8.flatMap { [UInt8]([$0, 0]) },
      Array("<?xml version='1.0' encoding='ISO-8859-1'?><domain type='kvm'><name>a</name></domain>".utf8),
    ]
    for bytes in cases {
      let error = #expect(throws: DomainXMLError.self) { try DomainDocument(parsing: bytes) }
      #expect(error?.code == .notUTF8)
    }
  }

  @Test("UTF-16 without a mark is not guessed at")
  func utf16() {
    let bytes = "<domain type='kvm'><name>a</name></domain>".utf8.flatMap { [UInt8]([$0, 0]) }
    let error = #expect(throws: DomainXMLError.self) { try DomainDocument(parsing: bytes) }
    #expect(error?.code == .malformed)
  }

  @Test("Documents over the limit, and elements nested too deeply")
  func limits() throws {
    let frame = "<domain type='kvm'><name>a</name><!----></domain>"
    let padding = DomainDocument.maximumSize - frame.utf8.count
    let largest = frame.replacing("<!---->", with: "<!--" + String(repeating: "x", count: padding) + "-->")
    #expect(try DomainDocument(parsing: largest).name == "a")
    let error = #expect(throws: DomainXMLError.self) { try DomainDocument(parsing: largest + "\n") }
    #expect(error?.code == .tooLarge)

    let deep = String(repeating: "<a>", count: 10_000) + String(repeating: "</a>", count: 10_000)
    let nesting = #expect(throws: DomainXMLError.self) {
      try DomainDocument(parsing: "<domain type='kvm'><name>a</name>\(deep)</domain>")
    }
    #expect(nesting?.code == .malformed)
  }

  @Test("Nothing is printed about refused documents", .enabled(if: ExitTests.run, ExitTests.requirement))
  func silence() async throws {
    let result = try #require(
      await #expect(
        processExitsWith: .success, observing: [\.standardErrorContent, \.standardOutputContent]
      ) {
        for xml in ["", "<a", "<a><b></a>", "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///none'>]><a>&x;</a>", "<a:b/>"] {
          _ = try? DomainDocument(parsing: xml)
        }
      })
    #expect(result.standardErrorContent.isEmpty)
    #expect(!String(decoding: result.standardOutputContent, as: UTF8.self).contains("parser error"))
  }
}
