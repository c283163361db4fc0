import DomainXML
import Testing

// What the documentation of DomainXML shows (contrib/docs/check holds it against this file). It uses what is public alone.

private func destination(of xml: String, _ destinationPaths: [(String, String)]) throws -> String {
  var document = try DomainDocument(parsing: xml)
  for (target, path) in destinationPaths {
    try document.setSource(ofDisk: target, toFile: path)
    try document.setBackingChain(ofDisk: target, to: .unlisted)
  }
  let destinationXML = document.serialized()
  return destinationXML
}

@Suite("The documentation's example") struct ExampleTests {
  @Test("A disk's path is changed, and its backing chain left to be found out")
  func example() throws {
    let xml = """
      <domain type='kvm'><name>web-1</name><devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/>\
      <source file='/a.qcow2'/><backingStore type='file'><format type='qcow2'/><source file='/t.qcow2'/><backingStore/></backingStore>\
      <target dev='vda' bus='virtio'/></disk></devices></domain>
      """
    let changed = try destination(of: xml, [("vda", "/b.qcow2")])
    #expect(changed.contains("<source file='/b.qcow2'/>") && !changed.contains("t.qcow2"))
  }
}
