import DomainXML
import Testing

@Suite("Reading and writing back")
struct RoundTripTests {
  @Test("What libvirt wrote comes back byte for byte")
  func identity() throws {
    #expect(try DomainDocument(parsing: Fixture.live).serialized() == Fixture.live)
    #expect(try DomainDocument(parsing: Fixture.passthrough).serialized() == Fixture.passthrough)
  }

  @Test("Bytes and text give the same document")
  func bytes() throws {
    let fromBytes = try DomainDocument(parsing: Array(Fixture.live.utf8))
    #expect(try fromBytes == DomainDocument(parsing: Fixture.live))
  }

  @Test("Other writers' forms become libvirt's, and then stay")
  func foreignForms() throws {
    let xml = """
      <?xml version="1.0" encoding="utf-8"?>
      <!-- made by hand -->
      <?editor mode="xml"?>
      <domain xmlns:x="urn:x" type="kvm"  ><name>a</name><x:note x:kind='"quoted"'>1 &lt; 2 &#13;</x:note
        ><data><![CDATA[<raw> & unescaped]]></data><empty></empty><tab value="a&#9;b&#10;c"/></domain>
      <!-- the end -->
      """
    let once = try DomainDocument(parsing: xml).serialized()
    #expect(
      once == """
        <?xml version='1.0' encoding='UTF-8'?>
        <!-- made by hand -->
        <?editor mode="xml"?>
        <domain type='kvm' xmlns:x='urn:x'><name>a</name><x:note x:kind='&quot;quoted&quot;'>1 &lt; 2 &#13;</x:note\
        ><data><![CDATA[<raw> & unescaped]]></data><empty/><tab value='a&#9;b&#10;c'/></domain>
        <!-- the end -->

        """)
    #expect(try DomainDocument(parsing: once).serialized() == once)
  }

  @Test("Foreign metadata keeps the quotes that libvirt writes there")
  func metadata() throws {
    let xml = """
      <domain type='kvm'><name>a</name><metadata>
        <app:x xmlns:app="urn:app" app:k="it's &quot;here&quot;">don't "touch" &amp; go</app:x>
      </metadata></domain>

      """
    #expect(try DomainDocument(parsing: xml).serialized() == xml)
  }

  @Test("Default namespaces are kept, also where one is undone")
  func defaultNamespace() throws {
    let xml = "<domain type='kvm'><name>a</name><b xmlns='urn:b'><c xmlns=''/></b></domain>\n"
    #expect(try DomainDocument(parsing: xml).serialized() == xml)
  }

  @Test("Copies are independent")
  func copies() throws {
    let original = try DomainDocument(parsing: Fixture.live)
    var copy = original
    try copy.setSource(ofDisk: "vda", toFile: "/elsewhere.qcow2")
    #expect(original.serialized() == Fixture.live)
    #expect(copy != original)
  }
}
