import DomainXML
import Testing

@Suite("The description of a backup")
struct BackupDescriptionTests {
  @Test("is what libvirt takes")
  func text() {
    let backup = BackupDescription(
      socket: "/run/a's", disks: [.init(target: "vda", scratch: "/pools/<a> & b"), .init(target: "sdb", scratch: "/c")])
    #expect(
      backup.serialized() == """
        <domainbackup mode='pull'><server transport='unix' socket='/run/a&apos;s'/><disks>\
        <disk name='vda' backup='yes' type='file' exportname='vda'><driver type='qcow2'/><scratch file='/pools/&lt;a&gt; &amp; b'/></disk>\
        <disk name='sdb' backup='yes' type='file' exportname='sdb'><driver type='qcow2'/><scratch file='/c'/></disk>\
        </disks></domainbackup>
        """)
    #expect(BackupDescription.socket(of: backup.serialized()) == "/run/a's")
  }

  @Test(
    "tells its socket, and nothing where there is none",
    arguments: [
      ("<domainbackup mode='pull'>\n  <server transport='unix' socket='/s'/>\n</domainbackup>\n", "/s"),
      ("<domainbackup mode='pull'><server transport='tcp' name='h' port='1'/></domainbackup>", nil),
      ("<domainbackup mode='push'/>", nil), ("<domain><server socket='/s'/></domain>", nil), ("", nil), ("<domainbackup", nil),
    ] as [(String, String?)])
  func socket(text: String, socket: String?) { #expect(BackupDescription.socket(of: text) == socket) }
}
