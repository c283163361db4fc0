import FoundationEssentials
import Testing

@testable import LongshoreAgent

@Suite("Reading qemu-img's answers")
struct ImageInfoTests {
  private func decode(_ json: String) throws -> ImageInfo {
    try JSONDecoder().decode(ImageInfo.self, from: Data(json.utf8))
  }

  @Test("All fields of a qcow2 image")
  func qcow2() throws {
    let info = try decode(
      """
      {"backing-filename-format": "raw", "virtual-size": 67108864, "filename": "/p/top.qcow2", "cluster-size": 131072,
       "format": "qcow2", "actual-size": 405504, "encrypted": true, "dirty-flag": true,
       "snapshots": [{"id": "1", "name": "before"}, {"id": "2", "name": "after"}],
       "format-specific": {"type": "qcow2", "data": {"compat": "1.1", "compression-type": "zstd",
         "lazy-refcounts": true, "data-file": "data.raw", "data-file-raw": true,
         "bitmaps": [{"flags": ["auto"], "name": "b0", "granularity": 65536}],
         "refcount-bits": 16, "corrupt": true, "extended-l2": true}},
       "full-backing-filename": "/p/base.img", "backing-filename": "base.img"}
      """)
    #expect(
      info
        == ImageInfo(
          filename: "/p/top.qcow2", format: "qcow2", virtualSize: 67_108_864, actualSize: 405_504,
          clusterSize: 131_072, backingFilename: "base.img", fullBackingFilename: "/p/base.img",
          backingFormat: "raw", isEncrypted: true, isDirty: true, isCorrupt: true, dataFile: "data.raw",
          bitmaps: [.init(name: "b0", granularity: 65_536, flags: ["auto"])], snapshots: 2, compat: "1.1",
          compressionType: "zstd", hasExtendedL2: true, hasLazyRefcounts: true, refcountBits: 16))
  }

  @Test("Formats that have other details, or none")
  func otherFormats() throws {
    let vmdk = try decode(
      """
      {"virtual-size": 1048576, "filename": "/p/a.vmdk", "format": "vmdk", "actual-size": 1,
       "format-specific": {"type": "vmdk", "data": {"cid": 1, "create-type": "monolithicSparse"}}}
      """)
    #expect(vmdk.format == "vmdk" && vmdk.compat == nil && !vmdk.isCorrupt)
    let raw = try decode(#"{"virtual-size": 512, "filename": "/p/a.img", "format": "raw"}"#)
    #expect(raw.virtualSize == 512 && raw.actualSize == nil && raw.clusterSize == nil && !raw.isEncrypted)
  }

  @Test(
    "Answers that lack what every image has",
    arguments: [#"{"filename": "/a", "format": "raw"}"#, #"{"virtual-size": -1, "filename": "/a", "format": "raw"}"#])
  func incomplete(json: String) {
    #expect(throws: DecodingError.self) { try decode(json) }
  }
}
