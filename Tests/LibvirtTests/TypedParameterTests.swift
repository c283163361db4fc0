import Testing

@testable import Libvirt

@Suite("Typed parameters")
struct TypedParameterTests {
  private let call = Call(operation: "build parameters")

  @Test("come back from libvirt's array as they went in")
  func roundTrip() throws {
    let parameters: [TypedParameter] = [
      TypedParameter(name: "a", value: .int(-1)),
      TypedParameter(name: "b", value: .unsignedInt(.max)),
      TypedParameter(name: "c", value: .long(.min)),
      TypedParameter(name: "d", value: .unsignedLong(.max)),
      TypedParameter(name: "e", value: .double(0.5)),
      TypedParameter(name: "f", value: .bool(true)),
      TypedParameter(name: "disk", value: .string("vda")),
      TypedParameter(name: "disk", value: .string("größer")),
    ]
    let copies = try roundTripped(parameters)
    #expect(copies == parameters)
    #expect(try roundTripped([]) == [])
  }

  @Test("are refused with a name that is too long")
  func tooLong() throws {
    let error = #expect(throws: LibvirtError.self) {
      try roundTripped([TypedParameter(name: String(repeating: "x", count: 80), value: .int(1))])
    }
    #expect(error?.message.contains("too long") == true)
    #expect(error?.operation == "build parameters")
  }

  private func roundTripped(_ parameters: [TypedParameter]) throws(LibvirtError) -> [TypedParameter] {
    try withTypedParameters(parameters, call) { array, count throws(LibvirtError) in
      copyTypedParameters(array, count: count)
    }
  }

  @Test("of a migration are those that were set, with libvirt's names")
  func migration() {
    var parameters = MigrationParameters()
    #expect(parameters.typed.isEmpty)
    parameters.uri = "tcp://192.0.2.7"
    parameters.destinationXML = "<domain/>"
    parameters.persistentXML = "<domain/>"
    parameters.bandwidth = 100
    parameters.disks = ["vda", "vdb"]
    parameters.disksPort = 49_152
    parameters.compression = ["xbzrle"]
    parameters.compressionCache = 64 << 20
    parameters.parallelConnections = 4
    parameters.tlsDestination = "beta.example.org"
    parameters.additional = ["later": .bool(true)]
    #expect(
      parameters.typed == [
        TypedParameter(name: "migrate_uri", value: .string("tcp://192.0.2.7")),
        TypedParameter(name: "destination_xml", value: .string("<domain/>")),
        TypedParameter(name: "persistent_xml", value: .string("<domain/>")),
        TypedParameter(name: "bandwidth", value: .unsignedLong(100)),
        TypedParameter(name: "migrate_disks", value: .string("vda")),
        TypedParameter(name: "migrate_disks", value: .string("vdb")),
        TypedParameter(name: "disks_port", value: .int(49_152)),
        TypedParameter(name: "compression", value: .string("xbzrle")),
        TypedParameter(name: "compression.xbzrle.cache", value: .unsignedLong(64 << 20)),
        TypedParameter(name: "parallel.connections", value: .int(4)),
        TypedParameter(name: "tls.destination", value: .string("beta.example.org")),
        TypedParameter(name: "later", value: .bool(true)),
      ])
  }

  @Test("of a job are all known that libvirt documents")
  func documented() {
    let counts = [
      "time_elapsed", "time_elapsed_net", "time_remaining", "downtime", "downtime_net", "setup_time", "data_total",
      "data_processed", "data_remaining", "memory_total", "memory_processed", "memory_remaining", "memory_constant",
      "memory_normal", "memory_normal_bytes", "memory_bps", "memory_dirty_rate", "memory_page_size",
      "memory_iteration", "memory_postcopy_requests", "disk_total", "disk_processed", "disk_remaining", "disk_bps",
      "compression_cache", "compression_bytes", "compression_pages", "compression_cache_misses",
      "compression_overflow", "disk_temp_used", "disk_temp_total",
    ]
    let statistics = JobStatistics(
      kind: .bounded, parameters: counts.map { TypedParameter(name: $0, value: .unsignedLong(1)) })
    #expect(statistics.additional.isEmpty)
    #expect(statistics.downtime == 1)
    #expect(statistics.diskTemporaryTotal == 1)
  }

  @Test("of a domain's statistics are its disks' writes, its resident memory and its dirty rate")
  func activity() {
    var parameters = [
      TypedParameter(name: "block.count", value: .unsignedInt(3)),
      TypedParameter(name: "block.0.name", value: .string("vda")),
      TypedParameter(name: "block.0.wr.reqs", value: .unsignedLong(3)),
      TypedParameter(name: "block.0.wr.bytes", value: .unsignedLong(12_288)),
      // A layer below the disk, and a drive without a medium.
      TypedParameter(name: "block.1.name", value: .string("vda")),
      TypedParameter(name: "block.1.backingIndex", value: .unsignedInt(1)),
      TypedParameter(name: "block.1.wr.reqs", value: .unsignedLong(0)),
      TypedParameter(name: "block.1.wr.bytes", value: .unsignedLong(0)),
      TypedParameter(name: "block.2.name", value: .string("sda")),
      TypedParameter(name: "balloon.rss", value: .unsignedLong(90_000)),
      TypedParameter(name: "dirtyrate.calc_status", value: .int(2)),
      TypedParameter(name: "dirtyrate.megabytes_per_second", value: .long(7)),
    ]
    var expected = DomainActivity()
    expected.disks = [DomainActivity.Disk(target: "vda", writtenBytes: 12_288, writeRequests: 3)]
    expected.residentKiB = 90_000
    expected.dirtyRate = .measured(mebibytesPerSecond: 7)
    #expect(DomainActivity(parameters: parameters) == expected)
    parameters.removeLast(2)
    expected.dirtyRate = nil
    #expect(DomainActivity(parameters: parameters) == expected)
    parameters.append(TypedParameter(name: "dirtyrate.calc_status", value: .int(1)))
    #expect(DomainActivity(parameters: parameters).dirtyRate == .measuring)
    #expect(DomainActivity(parameters: []) == DomainActivity())
  }

  @Test("of a job are read by name, and the rest is kept")
  func job() {
    let statistics = JobStatistics(
      kind: .unbounded,
      parameters: [
        TypedParameter(name: "operation", value: .int(5)),
        TypedParameter(name: "disk_remaining", value: .unsignedLong(1_024)),
        TypedParameter(name: "memory_dirty_rate", value: .unsignedLong(7)),
        TypedParameter(name: "auto_converge_throttle", value: .int(20)),
        TypedParameter(name: "success", value: .bool(false)),
        TypedParameter(name: "errmsg", value: .string("no")),
        TypedParameter(name: "from_the_future", value: .double(1)),
        // Of another type than libvirt documents: kept, not misread.
        TypedParameter(name: "downtime", value: .string("300")),
      ])
    var expected = JobStatistics(kind: .unbounded)
    expected.operation = .migrationOut
    expected.diskRemaining = 1_024
    expected.memoryDirtyRate = 7
    expected.autoConvergeThrottle = 20
    expected.isSuccessful = false
    expected.errorMessage = "no"
    expected.additional = ["from_the_future": .double(1), "downtime": .string("300")]
    #expect(statistics == expected)
  }
}
