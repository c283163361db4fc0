import Testing

@testable import Libvirt

@Suite("The XML reader")
struct XMLReaderTests {
  @Test("reads elements, attributes, entities and CDATA")
  func reads() throws {
    let root = try XMLElement(
      parsing: """
        <?xml version='1.0'?>
        <!-- a <comment> -->
        <pool type = "dir">
          <name>a &lt;&amp;&gt; &quot;&apos; &#65;&#x42; ö</name>
          <target><path a='1 &gt; "0"' b=''>/srv/<![CDATA[<x> & y]]></path></target>
          <empty/><ns:qemu xmlns:ns='urn:x'/>
        </pool>
        """)
    #expect(root.name == "pool")
    #expect(root.attributes == ["type": "dir"])
    #expect(root["name"]?.text == "a <&> \"' AB ö")
    #expect(root["target"]?["path"]?.text == "/srv/<x> & y")
    #expect(root["target"]?["path"]?.attributes == ["a": "1 > \"0\"", "b": ""])
    #expect(root["empty"]?.children == [])
    #expect(root["ns:qemu"] != nil)
    #expect(root["path"] == nil)
  }

  @Test(
    "refuses what is not well formed",
    arguments: [
      "", "text", "<a>", "<a></b>", "<a/><b/>", "<a/>text", "<a x=1/>", "<a x='1' x='2'/>", "<a x='<'/>", "<a>&b;</a>",
      "<a>&#0;</a>", "<a>&#xD800;</a>", "<a", "<a x='1", "<a><!-- </a>", "<1a/>", "</a>", "<a x='1'y='2'/>",
      "<a>& b</a>",
      "<![CDATA[x]]>", "< a/>",
    ])
  func refuses(document: String) {
    #expect(throws: XMLSyntaxError.self) { try XMLElement(parsing: document) }
  }

  @Test("refuses a DTD and unbounded depth")
  func hostile() {
    #expect(throws: XMLSyntaxError.self) {
      try XMLElement(parsing: "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/hostname'>]><a>&b;</a>")
    }
    #expect(throws: XMLSyntaxError.self) { try XMLElement(parsing: String(repeating: "<a>", count: 100_000)) }
  }

  @Test("reads what a pool is")
  func pool() throws {
    let pool = try StoragePoolConfiguration(
      xml: """
        <pool type='netfs'>
          <name>primary</name><uuid>70A7EB15-6C34-EE9C-BF57-69E8E5FF3FB2</uuid>
          <source><host name='nfs1.example.org' port='2049'/><dir path='/export/a'/><format type='nfs'/></source>
          <target><path>/mnt/a&amp;b</path><permissions><mode>0755</mode></permissions></target>
        </pool>
        """)
    #expect(pool.kind == .networkFileSystem)
    #expect(pool.name == "primary")
    #expect(pool.uuid == "70a7eb15-6c34-ee9c-bf57-69e8e5ff3fb2")
    #expect(pool.targetPath == "/mnt/a&b")
    #expect(pool.sourceHosts == ["nfs1.example.org"])
    #expect(pool.sourceDirectory == "/export/a")
    let error = #expect(throws: LibvirtError.self) { try StoragePoolConfiguration(xml: "<pool><name>x</name></pool>") }
    #expect(error?.code == .xmlError)
  }
}
