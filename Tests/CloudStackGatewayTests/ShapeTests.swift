import LongshoreMessages
import Testing

@testable import CloudStackGateway

/// The types that the structs of CloudStack's Go client have, which refuses a whole answer for one field of another type. Written by hand
/// from that client and not from the code that is tested.
private enum GoType {
  static let string = Set(
    """
    id name displayname instancename account accountid domain domainid domainpath userid username zoneid zonename hostid hostname hypervisor \
    state templateid templatename serviceofferingid serviceofferingname created lastupdated guestosid ostypeid osdisplayname rootdevicetype \
    vmtype arch pooltype keypairs cpuused jobid networkid networkname macaddress type traffictype virtualmachineid vmname vmdisplayname \
    vmstate storage storageid storagetype status attached path provisioningtype clusterid clustername podid podname templatedisplaytext \
    ipaddress scope provider overprovisionfactor cpuallocated cpuallocatedpercentage cpuwithoverprovisioning memorywithoverprovisioning \
    memoryallocatedpercentage version hypervisorversion capabilities resourcestate clustertype lastpinged value category component \
    defaultvalue description displaytext group level resourceid resourcetype resourcename parentid networktype allocationstate cmd \
    jobresulttype jobinstancetype jobinstanceid completed cloudstackversion related since httprequesttype firstname lastname roletype \
    rolename errortext
    """.split(separator: " ").map(String.init))
  static let flag = Set(
    """
    haenable displayvm passwordenabled isdynamicallyscalable deleteprotection hasannotations isdefault destroyed isextractable displayvolume \
    quiescevm supportsstoragesnapshot managed istagarule suitableformigration hahost hasenoughcapacity requiresStorageMotion \
    islocalstorageactive ueficapability encryptionsupported isdynamic archived isasync required securitygroupsenabled localstorageenabled \
    dynamicrolesenabled success
    """.split(separator: " ").map(String.init))
  static let number = Set(
    """
    count cpunumber cpuspeed memory jobstatus rootdeviceid size physicalsize virtualsize disksizetotal disksizeallocated disksizeused \
    capacitybytes cpusockets cpuallocatedvalue memorytotal memoryallocated memoryallocatedbytes memoryused jobprocstatus jobresultcode length \
    accounttype apilimitinterval errorcode
    """.split(separator: " ").map(String.init))

  /// What is wrong with a value, and what is in it; nothing where all is as the client wants it.
  static func faults(_ value: ResponseValue, _ name: String, in path: String) -> [String] {
    let place = "\(path).\(name)"
    switch (name, value) {
    // A map of texts to texts.
    case ("details", .object(let object)), ("storagecapabilities", .object(let object)):
      return object.fields.compactMap { if case .text = $0.value { nil } else { "\(place).\($0.name)" } }
    // A disk's number is a number, an interface's is a text.
    case ("deviceid", .integer): return path.hasSuffix("volume") ? [] : [place]
    case ("deviceid", .text): return path.hasSuffix("nic") ? [] : [place]
    case (_, .text): return string.contains(name) || path.hasSuffix("errorresponse") ? [] : [place]
    case (_, .flag): return flag.contains(name) ? [] : [place]
    case (_, .integer): return number.contains(name) ? [] : [place]
    case (_, .real): return [place]
    case (_, .list(let values)): return values.flatMap { faults($0, name, in: path) }
    case (_, .object(let object)): return object.fields.flatMap { faults($0.value, $0.name, in: place) }
    }
  }
}

@Suite("The types of answers")
struct ShapeTests {
  /// Every command that lists or tells something.
  static let reads = [
    ("listApis", ""), ("listCapabilities", ""), ("listZones", ""), ("listHosts", ""), ("listVirtualMachines", ""), ("listVolumes", ""),
    ("listStoragePools", ""), ("findHostsForMigration", "virtualmachineid=\(Sample.web)"),
    ("findStoragePoolsForMigration", "id=\(Sample.webRoot)"), ("listConfigurations", ""), ("listEvents", ""), ("listAsyncJobs", ""),
    ("queryAsyncJobResult", "jobid=00000000-0000-4000-8000-000000000001"),
    ("queryAsyncJobResult", "jobid=00000000-0000-4000-8000-000000000002"), ("getUser", "userapikey=key-of-boss"),
    ("updateConfiguration", "name=kvm.storage.online.migration.wait&value=7200"),
    ("cancelAsyncJob", "jobid=00000000-0000-4000-8000-000000000001"),
  ]

  @Test("are those of the Go client's structs, and the fields are those that listApis tells", arguments: reads)
  func types(command: String, query: String) async throws {
    let gateway = await RunningGateway()
    let pending = "00000000-0000-4000-8000-000000000001"
    await gateway.hear(
      Sample.event(1, .accepted, of: "00000000-0000-4000-8000-000000000002", guest: Sample.stopped),
      Sample.event(2, .failed, of: "00000000-0000-4000-8000-000000000002", guest: Sample.stopped) {
        $0.reasons = [Reason(.noSpace, "no room")]
      }, Sample.event(1, .accepted, of: pending), Sample.event(2, .transferring, of: pending))
    let answer = try await gateway.ask(command, query)
    #expect(answer.status == 200)
    #expect(answer.key == "\(command.lowercased())response")
    #expect(!answer.content.fields.isEmpty)
    #expect(GoType.faults(.object(answer.content), answer.key, in: "") == [])
    let spec = try #require(CommandTable.byName[command])
    var rows =
      spec.response.key.map { name -> [ResponseObject] in
        switch answer.content[name] {
        case .list(let all)?: all.compactMap { if case .object(let row) = $0 { row } else { nil } }
        case .object(let row)?: [row]
        default: []
        }
      } ?? [answer.content]
    if command == "listApis" { rows = rows.map { $0 } }
    #expect(!rows.isEmpty)
    for row in rows {
      for field in row.fields {
        let told = spec.response.fields.first { $0.name == field.name }?.kind
        switch field.value {
        case .text: #expect(told == .string, "\(field.name)")
        case .flag: #expect(told == .boolean, "\(field.name)")
        case .integer: #expect(told == .integer || told == .long, "\(field.name)")
        case .real: #expect(told == .float, "\(field.name)")
        case .list: #expect(told == .list, "\(field.name)")
        case .object: #expect(told == .map, "\(field.name)")
        }
      }
      #expect(Set(row.fields.map(\.name)).count == row.fields.count)
    }
  }

  @Test("of listApis are those that cmk takes for granted")
  func apis() async throws {
    let rows = try await RunningGateway().list("listApis")
    #expect(rows.count == CommandTable.all.count)
    for row in rows {
      let name = try #require(row.text("name"))
      #expect(row.text("description")?.isEmpty == false, "\(name)")
      #expect(row.flag("isasync") != nil, "\(name)")
      guard case .list(let parameters)? = row["params"], case .list? = row["response"] else {
        Issue.record("\(name) has no params or response")
        continue
      }
      for case .object(let parameter) in parameters {
        #expect(parameter.text("name") != nil && parameter.text("type") != nil && parameter.text("description") != nil)
        #expect(parameter.flag("required") != nil)
      }
    }
    // A job can be had in the caller's own name, and every list by pages.
    #expect(rows.filter { $0.flag("isasync") == true }.count == 3)
  }

  @Test("have texts that JSON and XML can carry")
  func texts() {
    var inner = ResponseObject()
    inner.add("name", "a\"b\\c\nd\u{1}é<&>\u{7f}")
    inner.add("count", UInt64.max)
    inner.add("part", 1.5)
    inner.add("none", nil as String?)
    var content = ResponseObject()
    content.add("count", 2)
    content.add("host", [inner, inner])
    content.add("tags", [ResponseValue]())
    let answer = Answer(to: "listHosts", content)
    let json = String(decoding: answer.body(.json), as: UTF8.self)
    let row = #"{"name":"a\"b\\c\nd\u0001é<&>\u007f","count":9223372036854775807,"part":1.5}"#
    #expect(json == "{\"listhostsresponse\":{\"count\":2,\"host\":[\(row),\(row)],\"tags\":[]}}")
    let xml = String(decoding: answer.body(.xml), as: UTF8.self)
    let element = "<host><name>a&quot;b\\c\nd?é&lt;&amp;&gt;\u{7f}</name><count>9223372036854775807</count><part>1.5</part></host>"
    #expect(
      xml
        == "<?xml version=\"1.0\" encoding=\"UTF-8\"?><listhostsresponse cloud-stack-version=\"4.22.0.0\"><count>2</count>\(element)\(element)</listhostsresponse>"
    )
  }

  @Test("of an empty list are nothing at all")
  func empty() throws {
    let answer = Answer(to: "listHosts", list: "host", [], count: 0)
    #expect(String(decoding: answer.body(.json), as: UTF8.self) == "{\"listhostsresponse\":{}}")
  }

  @Test("of errors are CloudStack's")
  func errors() {
    let answer = Answer(to: "migrateVirtualMachineWithVolume", .missing("virtualmachineid", of: "migrateVirtualMachineWithVolume"))
    #expect(answer.status == 431)
    #expect(
      String(decoding: answer.body(.json), as: UTF8.self) == """
        {"migratevirtualmachinewithvolumeresponse":{"uuidList":[],"errorcode":431,"cserrorcode":9999,"errortext":"Unable to execute API \
        command migratevirtualmachinewithvolume due to missing parameter virtualmachineid"}}
        """)
    #expect(
      String(decoding: Answer(to: "listHosts", .unverified).body(.json), as: UTF8.self) == """
        {"listhostsresponse":{"uuidList":[],"errorcode":401,"errortext":"unable to verify user credentials and/or request signature"}}
        """)
    #expect(Answer(to: "noSuchThing", .unsupported("noSuchThing")).key == "errorresponse")
    #expect(Answer(to: "a\"b", .unverified).key == "errorresponse")
    #expect(Answer(to: nil, .unverified).key == "errorresponse")
  }
}
