import Testing

@testable import LongshoreAgent

@Suite("What is read of libvirt's configuration")
struct LibvirtSettingsTests {
  @Test("is libvirt's defaults where nothing is set")
  func defaults() {
    for text in ["", "#migration_port_min = 1\n# a comment\nuser = \"root\"\n", "migration_port_min = x\nmigration_port_max = 70000\n"] {
      #expect(LibvirtSettings(text: text).migrationPorts == 49_152...49_215)
      #expect(LibvirtSettings(text: text).certificates == nil)
    }
    #expect(LibvirtSettings(path: "/nowhere/qemu.conf") == LibvirtSettings(text: ""))
  }

  @Test("are the ports for migrations")
  func ports() {
    #expect(LibvirtSettings(text: "migration_port_min = 50000\n  migration_port_max=50010  \n").migrationPorts == 50_000...50_010)
    // libvirt itself does not start with these.
    #expect(LibvirtSettings(text: "migration_port_min = 50010\nmigration_port_max = 50000\n").migrationPorts == 49_152...49_215)
  }

  @Test("is whether clients are looked at, by the setting of migrations before that of all")
  func clients() {
    let all = "default_tls_x509_verify = 0\n"
    #expect(LibvirtSettings(text: "").verifiesClients)
    #expect(!LibvirtSettings(text: all).verifiesClients)
    #expect(LibvirtSettings(text: all + "migrate_tls_x509_verify = 1\n").verifiesClients)
  }

  @Test("is the folder of the certificates, of migrations before that of all")
  func certificates() {
    let all = "default_tls_x509_cert_dir = \"/etc/pki/qemu\"\n"
    #expect(LibvirtSettings(text: all).certificates == "/etc/pki/qemu")
    #expect(LibvirtSettings(text: all + "migrate_tls_x509_cert_dir = \"/etc/pki/m\"\n").certificates == "/etc/pki/m")
  }
}
