import LongshoreClient
import LongshoreMessages
import Testing

@testable import CloudStackGateway

@Suite("Lists")
struct ListTests {
  @Test("tell what the hosts have")
  func rows() async throws {
    let gateway = await RunningGateway()
    let hosts = try await gateway.list("listHosts", "type=Routing&listall=true")
    #expect(hosts.map { $0.text("name") } == ["alpha", "beta", "gamma"])
    #expect(hosts[0].text("id") == Sample.alphaID)
    #expect(hosts.allSatisfy { $0.text("state") == "Up" && $0.text("resourcestate") == "Enabled" })
    let machines = try await gateway.list("listVirtualMachines")
    #expect(machines.map { $0.text("name") } == ["old", "web-1"])
    #expect(machines[1].text("state") == "Running")
    #expect(machines[1].text("hostid") == Sample.alphaID)
    #expect(machines[1].text("displayname") == "The web-1 & more")
    #expect(machines[0].text("state") == "Stopped")
    #expect(machines[0].text("hostid") == nil)
    let volumes = try await gateway.list("listVolumes", "virtualmachineid=\(Sample.web)")
    // A drive for media is no volume.
    #expect(volumes.map { $0.text("id") } == [Sample.webRoot, Sample.webData])
    #expect(volumes.map { $0.text("type") } == ["ROOT", "DATADISK"])
    #expect(volumes[0].text("storageid") == Sample.primaryAtAlpha)
    #expect(volumes[0].text("storagetype") == "local")
    let pools = try await gateway.list("listStoragePools")
    #expect(pools.map { $0.text("name") } == ["fast", "primary", "primary", "shared"])
    #expect(pools.map { $0.text("scope") } == ["HOST", "HOST", "HOST", "CLUSTER"])
    #expect(pools[3].text("type") == "NetworkFilesystem")
    let zones = try await gateway.list("listZones")
    #expect(zones.map { $0.text("name") } == ["lab"])
    #expect(machines[0].text("zoneid") == zones[0].text("id"))
  }

  @Test(
    "are filtered",
    arguments: [
      ("listHosts", "name=beta", ["beta"]), ("listHosts", "id=\(Sample.gammaID)", ["gamma"]), ("listHosts", "type=SecondaryStorageVM", []),
      ("listHosts", "keyword=ET", ["beta"]), ("listHosts", "state=Down", []),
      ("listHosts", "virtualmachineid=\(Sample.web)", ["beta", "gamma"]),
      ("listHosts", "hypervisor=VMware", []), ("listHosts", "resourcestate=Maintenance", []),
      ("listVirtualMachines", "state=Running", ["web-1"]), ("listVirtualMachines", "keyword=WEB", ["web-1"]),
      ("listVirtualMachines", "ids=\(Sample.stopped),\(Sample.web)", ["old", "web-1"]),
      ("listVirtualMachines", "hostid=\(Sample.betaID)", []), ("listVirtualMachines", "storageid=\(Sample.shared)", ["old"]),
      ("listVolumes", "type=datadisk", ["web-1-vdb.qcow2"]), ("listVolumes", "id=\(Sample.webRoot)", ["web-1-vda.qcow2"]),
      ("listStoragePools", "hostid=\(Sample.gammaID)", ["shared"]), ("listStoragePools", "scope=host&name=fast", ["fast"]),
      ("listZones", "name=other", []), ("listStoragePools", "ipaddress=nfs", ["shared"]),
    ])
  func filters(command: String, query: String, names: [String]) async throws {
    #expect(try await RunningGateway().list(command, query).compactMap { $0.text("name") } == names)
  }

  @Test(
    "know nothing of unknown ids",
    arguments: [
      ("listHosts", "id"), ("listVirtualMachines", "id"), ("listVirtualMachines", "hostid"), ("listVolumes", "virtualmachineid"),
      ("listVolumes", "id"), ("listStoragePools", "id"), ("listVirtualMachines", "storageid"), ("listHosts", "zoneid"), ("listZones", "id"),
      ("findHostsForMigration", "virtualmachineid"), ("findStoragePoolsForMigration", "id"), ("queryAsyncJobResult", "jobid"),
    ])
  func unknown(command: String, parameter: String) async throws {
    let id = "99999999-9999-4999-8999-999999999999"
    let answer = try await RunningGateway().ask(command, "\(parameter)=\(id)")
    #expect(answer.status == 431)
    // What the Go client looks for, so that it can say that there is none.
    let words = "Invalid parameter \(parameter) value=\(id) due to incorrect long value format, or entity does not exist"
    #expect(answer.content.text("errortext")?.contains(words) == true)
  }

  @Test("ask the hosts once for all who want to know at a time, and again after a while")
  func caching() async throws {
    let gateway = await RunningGateway()
    for _ in 0..<3 { _ = try await gateway.list("listHosts") }
    #expect(gateway.cluster.rounds.count == 1)
    gateway.clock.advance(seconds: 4)
    _ = try await gateway.list("listHosts")
    #expect(gateway.cluster.rounds.count == 2)
  }

  @Test("call a host down that does not answer for a while, and keep its guests")
  func down() async throws {
    let gateway = await RunningGateway()
    _ = try await gateway.list("listHosts")
    gateway.cluster.silence(Sample.alpha)
    gateway.clock.advance(seconds: 5)
    #expect(try await gateway.list("listHosts", "state=Down").isEmpty)
    gateway.clock.advance(seconds: 6)
    #expect(try await gateway.list("listHosts", "state=Down").map { $0.text("name") } == ["alpha"])
    #expect(try await gateway.list("listVirtualMachines", "id=\(Sample.web)").first?.text("state") == "Unknown")
    let refused = try await gateway.ask("migrateVirtualMachineWithVolume", "virtualmachineid=\(Sample.web)&hostid=\(Sample.betaID)")
    #expect(refused.status == 534)
    gateway.cluster.silence()
    gateway.clock.advance(seconds: 4)
    #expect(try await gateway.list("listHosts", "state=Up").count == 3)
  }

  @Test("show a guest once while two hosts have it")
  func moving() async throws {
    let gateway = await RunningGateway()
    let id = Sample.id("00000000-0000-4000-8000-000000000001")
    gateway.cluster.edit {
      $0[Sample.alpha]?.guests[0].migration = HostInventory.Guest.Motion(id, incoming: false)
      $0[Sample.beta]?.guests = [Sample.guest(state: "paused", motion: HostInventory.Guest.Motion(id, incoming: true))]
    }
    await gateway.hear(Sample.event(1, .accepted, of: id.text), Sample.event(2, .transferring, of: id.text))
    let machines = try await gateway.list("listVirtualMachines", "id=\(Sample.web)")
    #expect(machines.count == 1)
    #expect(machines.first?.text("hostname") == "alpha")
    #expect(machines.first?.text("state") == "Migrating")
    #expect(machines.first?.text("jobid") == id.text)
    #expect(machines.first?.number("jobstatus") == 0)
    #expect(try await gateway.list("listVolumes", "virtualmachineid=\(Sample.web)").allSatisfy { $0.text("state") == "Migrating" })
  }

  @Test("take the guests of a host that have no room in one message")
  func pages() async throws {
    let gateway = await RunningGateway()
    let rest = Sample.guest("11111111-1111-4111-8111-333333333333", name: "more", disks: [])
    gateway.cluster.edit { $0[Sample.alpha]?.next = Sample.name(Sample.web) }
    gateway.cluster.answer { question in
      guard case .inventory(let asked) = question.command, asked.after == Sample.name(Sample.web) else { return nil }
      return .inventory(Sample.inventory(Sample.alphaID, guests: [rest]))
    }
    #expect(try await gateway.list("listVirtualMachines").map { $0.text("name") } == ["more", "old", "web-1"])
  }

  @Test("show what a key is for")
  func scoped() async throws {
    let key = Sample.key("old-only", .read, guests: ["old"])
    let gateway = await RunningGateway(keys: [key])
    await gateway.hear(Sample.event(1, .accepted, of: "00000000-0000-4000-8000-000000000001"))
    #expect(try await gateway.list("listVirtualMachines").map { $0.text("name") } == ["old"])
    #expect(try await gateway.list("listVolumes").count == 1)
    #expect(try await gateway.list("listEvents").isEmpty)
    #expect(try await gateway.list("listAsyncJobs").isEmpty)
    #expect(try await gateway.ask("queryAsyncJobResult", "jobid=00000000-0000-4000-8000-000000000001").status == 431)
    #expect(try await gateway.ask("listVirtualMachines", "id=\(Sample.web)").status == 431)
    #expect(try await gateway.ask("findHostsForMigration", "virtualmachineid=\(Sample.web)").status == 531)
  }

  @Test("say that the service is away while the broker is")
  func away() async throws {
    let gateway = await RunningGateway()
    gateway.cluster.isAway(true)
    for command in ["listHosts", "listVirtualMachines", "listVolumes", "listStoragePools"] {
      #expect(try await gateway.ask(command).status == 503)
    }
    #expect(try await gateway.ask("listZones").status == 200)
    // That nobody answers is no cluster without hosts.
    gateway.cluster.isAway(false)
    gateway.cluster.silence(Sample.alpha, Sample.beta, Sample.gamma)
    #expect(try await gateway.ask("listHosts").status == 503)
  }
}

@Suite("Who may ask what")
struct RoleTests {
  @Test("is said by the key's role")
  func roles() async throws {
    let keys = [Sample.key("reader", .read), Sample.key("mover", .migrate), Sample.key("boss", .admin)]
    let gateway = await RunningGateway(keys: keys)
    let order = "virtualmachineid=\(Sample.web)&hostid=\(Sample.betaID)"
    let setting = "name=kvm.storage.online.migration.wait&value=7200"
    #expect(try await gateway.ask("listHosts", as: keys[0]).status == 200)
    #expect(try await gateway.ask("migrateVirtualMachineWithVolume", order, as: keys[0]).status == 401)
    #expect(try await gateway.ask("updateConfiguration", setting, as: keys[1]).status == 401)
    #expect(gateway.cluster.orders.isEmpty)
    #expect(try await gateway.ask("migrateVirtualMachineWithVolume", order, as: keys[1]).status == 200)
    #expect(try await gateway.ask("updateConfiguration", setting, as: keys[2]).status == 200)
  }

  @Test("is not told to strangers, not even which commands there are")
  func strangers() async throws {
    let gateway = await RunningGateway()
    let stranger = Sample.key("stranger")
    for command in ["listHosts", "noSuchCommand", "listApis"] {
      let answer = try await gateway.ask(command, as: stranger)
      #expect(answer.status == 401)
      #expect(answer.content["cserrorcode"] == nil)
    }
    #expect(try await gateway.ask("noSuchCommand").status == 432)
    #expect(try await gateway.ask("noSuchCommand").key == "errorresponse")
    // A command's name is in its exact case.
    #expect(try await gateway.ask("listhosts").status == 432)
    let none = await gateway.responder.answer(try Parameters(query: "response=json"))
    #expect(none.status == 432 && none.key == "errorresponse")
    // What cmk tries after a 401.
    let login = await gateway.responder.answer(
      try Parameters(query: nil, form: "command=login&username=admin&password=password&domain=/&response=json"))
    #expect(login.status == 531 && login.key == "loginresponse")
  }
}

@Suite("Orders")
struct OrderTests {
  private static let order = "virtualmachineid=\(Sample.web)&hostid=\(Sample.betaID)"

  @Test("move a guest with its disks into the pools that are named, and answer with a job")
  func mapped() async throws {
    let gateway = await RunningGateway()
    let answer = try await gateway.ask(
      "migrateVirtualMachineWithVolume",
      Self.order + "&migrateto[0].volume=\(Sample.webRoot.uppercased())&migrateto[0].pool=\(Sample.fastAtBeta)")
    #expect(answer.status == 200)
    #expect(answer.content.fields.map(\.name) == ["jobid"])
    let given = try #require(gateway.cluster.orders.first)
    #expect(given.id?.text == answer.content.text("jobid"))
    #expect(given.host == Sample.alpha)
    #expect(given.command.guest.text == Sample.web)
    #expect(given.command.destination.host == Sample.beta)
    #expect(given.command.pools?.disks == [Sample.name("vda"): Sample.name("fast"), Sample.name("vdb"): Sample.name("primary")])
    #expect(given.command.pools?.inPlace == nil)
    // The deadline is the hosts' own.
    #expect(given.command.deadlineSeconds == nil)
    let job = try await gateway.ask("queryAsyncJobResult", "jobid=\(answer.content.text("jobid") ?? "")")
    #expect(job.content.number("jobstatus") == 0)
  }

  @Test("leave disks in a pool that both hosts have, and find the roomiest where a pool lacks")
  func placed() async throws {
    let gateway = await RunningGateway()
    gateway.cluster.edit {
      $0[Sample.alpha]?.guests[0].disks = [
        Sample.disk(Sample.webRoot, "vda", pool: "shared"), Sample.disk(Sample.webData, "vdb"),
      ]
      $0[Sample.beta]?.pools.removeAll { $0.name == "primary" }
    }
    #expect(try await gateway.ask("migrateVirtualMachineWithVolume", Self.order).status == 200)
    let pools = try #require(gateway.cluster.orders.first?.command.pools)
    #expect(pools.inPlace == [Sample.name("vda")])
    #expect(pools.disks == [Sample.name("vdb"): Sample.name("shared")])
  }

  @Test(
    "are refused where something is wrong with them",
    arguments: [
      ("virtualmachineid=\(Sample.web)", 431), ("hostid=\(Sample.betaID)", 431),
      ("virtualmachineid=\(Sample.web)&hostid=99999999-9999-4999-8999-999999999999", 431),
      ("virtualmachineid=99999999-9999-4999-8999-999999999999&hostid=\(Sample.betaID)", 431),
      ("virtualmachineid=\(Sample.web)&hostid=\(Sample.alphaID)", 431), ("virtualmachineid=\(Sample.stopped)&hostid=\(Sample.betaID)", 431),
      ("virtualmachineid=\(Sample.web)&migrateto[0].volume=\(Sample.webRoot)&migrateto[0].pool=\(Sample.fastAtBeta)", 431),
      (order + "&migrateto[0].volume=\(Sample.webRoot)", 431),
      (order + "&migrateto[0].volume=x&migrateto[0].pool=\(Sample.fastAtBeta)", 431),
      (order + "&migrateto[0].volume=\(Sample.webRoot)&migrateto[0].pool=x", 431),
      (order + "&migrateto[0].volume=\(Sample.webRoot)&migrateto[0].pool=\(Sample.primaryAtAlpha)", 431),
      (order + "&migrateto[0].volume=\(Sample.webRoot)&migrateto[0].Pool=\(Sample.fastAtBeta)", 431),
      (order + "&migrateto[0]volume=1", 430), (order + "&customjobid=mine", 431),
      (
        order + "&migrateto[0].volume=\(Sample.webRoot)&migrateto[0].pool=\(Sample.fastAtBeta)"
          + "&migrateto[1].volume=\(Sample.webRoot)&migrateto[1].pool=\(Sample.primaryAtBeta)", 431
      ),
    ])
  func refused(query: String, status: Int) async throws {
    let gateway = await RunningGateway()
    let answer = try await gateway.ask("migrateVirtualMachineWithVolume", query)
    #expect(answer.status == status)
    #expect(answer.errorCode == Int64(status))
    #expect(answer.key == "migratevirtualmachinewithvolumeresponse")
    #expect(gateway.cluster.orders.isEmpty)
  }

  @Test(
    "are refused with the code of what a host refuses them for",
    arguments: [
      (Reason.Code.guestBusy, 536), (.noSpace, 533), (.destinationUnreachable, 534), (.maintenance, 534), (.unknownGuest, 431),
      (.notPermitted, 531), (.incompatibleCPU, 530), (.idReused, 431),
    ] as [(Reason.Code, Int)])
  func rejected(code: Reason.Code, status: Int) async throws {
    let gateway = await RunningGateway()
    gateway.cluster.answer { _ in .rejected([Reason(code, "because")]) }
    let answer = try await gateway.ask("migrateVirtualMachineWithVolume", Self.order)
    #expect(answer.status == status)
    #expect(answer.content.text("errortext") == "because")
  }

  @Test("name the job where nobody knows whether they were taken")
  func unanswered() async throws {
    let gateway = await RunningGateway()
    _ = try await gateway.list("listHosts")
    gateway.cluster.silence(Sample.alpha)
    let answer = try await gateway.ask(
      "migrateVirtualMachineWithVolume", Self.order + "&customjobid=AAAAAAAA-0000-4000-8000-000000000001")
    #expect(answer.status == 534)
    #expect(answer.content.text("errortext")?.contains("aaaaaaaa-0000-4000-8000-000000000001") == true)
  }

  @Test("find a host by themselves, the one with the most memory that no check refuses")
  func autoselect() async throws {
    let gateway = await RunningGateway()
    #expect(try await gateway.ask("migrateVirtualMachineWithVolume", "virtualmachineid=\(Sample.web)&autoselect=true").status == 200)
    #expect(gateway.cluster.orders.last?.command.destination.host == Sample.beta)
    gateway.cluster.answer { question in
      guard case .migrate(let command) = question.command, command.dryRun == true, command.destination.host == Sample.beta else {
        return nil
      }
      return .checked([Check(.noMemory, on: Sample.beta, .refused, "too little memory")], disks: [])
    }
    #expect(try await gateway.ask("migrateVirtualMachineWithVolume", "virtualmachineid=\(Sample.web)&autoselect=true").status == 200)
    #expect(gateway.cluster.orders.last?.command.destination.host == Sample.gamma)
    gateway.cluster.answer { question in
      guard case .migrate(let command) = question.command, command.dryRun == true else { return nil }
      return .checked([Check(.noMemory, on: question.host, .refused, "too little memory")], disks: [])
    }
    let none = try await gateway.ask("migrateVirtualMachineWithVolume", "virtualmachineid=\(Sample.web)&autoselect=true")
    #expect(none.status == 533)
    #expect(none.content.text("errortext")?.contains("too little memory") == true)
  }

  @Test("of migrateVirtualMachine move guests whose disks both hosts see, and no others")
  func withoutDisks() async throws {
    let gateway = await RunningGateway()
    #expect(try await gateway.ask("migrateVirtualMachine", Self.order).status == 431)
    #expect(try await gateway.ask("migrateVirtualMachine", Self.order + "&storageid=\(Sample.shared)").status == 431)
    gateway.cluster.edit { $0[Sample.alpha]?.guests[0].disks = [Sample.disk(Sample.webRoot, "vda", pool: "shared")] }
    gateway.clock.advance(seconds: 4)
    // Without a host it finds one.
    #expect(try await gateway.ask("migrateVirtualMachine", "virtualmachineid=\(Sample.web)").status == 200)
    let given = try #require(gateway.cluster.orders.first)
    #expect(given.command.destination.host == Sample.beta)
    #expect(given.command.pools?.inPlace == [Sample.name("vda")])
    #expect(given.command.pools?.disks == nil)
  }

  @Test("of migrateVolume are refused, and say what to do instead")
  func volumes() async throws {
    let answer = try await RunningGateway().ask("migrateVolume", "volumeid=\(Sample.webRoot)&storageid=\(Sample.shared)&livemigrate=true")
    #expect(answer.status == 431)
    #expect(answer.content.text("errortext")?.hasPrefix("KVM does not support volume live migration") == true)
    #expect(answer.content.text("errortext")?.contains("migrateVirtualMachineWithVolume") == true)
  }

  @Test("with an id of their own are done once")
  func customID() async throws {
    let gateway = await RunningGateway()
    let query = Self.order + "&customjobid=AAAAAAAA-0000-4000-8000-000000000001"
    for _ in 0..<2 {
      let answer = try await gateway.ask("migrateVirtualMachineWithVolume", query)
      #expect(answer.content.text("jobid") == "aaaaaaaa-0000-4000-8000-000000000001")
    }
    #expect(gateway.cluster.orders.count == 1)
    // The same id in other letters, and for another guest.
    _ = try await gateway.ask("migrateVirtualMachineWithVolume", query.lowercased())
    let other = try await gateway.ask(
      "migrateVirtualMachineWithVolume",
      "virtualmachineid=\(Sample.stopped)&hostid=\(Sample.betaID)&customjobid=aaaaaaaa-0000-4000-8000-000000000001")
    #expect(other.status == 431)
    #expect(gateway.cluster.orders.count == 1)
  }

  @Test("with the id of a job to another host or other pools are refused, as the agents refuse them")
  func reusedID() async throws {
    let gateway = await RunningGateway()
    let id = "aaaaaaaa-0000-4000-8000-000000000001"
    func order(_ host: String, _ pools: [String: String]) async throws -> Answer {
      let map = pools.sorted { $0.key < $1.key }.enumerated().map { index, pair in
        "&migrateto[\(index)].volume=\(pair.key)&migrateto[\(index)].pool=\(pair.value)"
      }
      return try await gateway.ask(
        "migrateVirtualMachineWithVolume", "virtualmachineid=\(Sample.web)&hostid=\(host)&customjobid=\(id)" + map.joined())
    }
    func order(_ pools: [String: String]) async throws -> Answer { try await order(Sample.betaID, pools) }
    func expectReused(_ answer: Answer, _ words: String, _ place: SourceLocation = #_sourceLocation) {
      #expect(answer.status == 431 && answer.content.number("cserrorcode") == 4350, sourceLocation: place)
      #expect(answer.content.text("errortext")?.contains(words) == true, "\(answer.content)", sourceLocation: place)
    }
    let pools = [Sample.webRoot: Sample.fastAtBeta]
    #expect(try await order(pools).content.text("jobid") == id)
    // Its plan is not made: the source says whether it is the same.
    #expect(try await order(pools).content.text("jobid") == id)
    expectReused(try await order([Sample.webRoot: Sample.primaryAtBeta]), "used before")
    expectReused(try await order(Sample.gammaID, [:]), "it moves to host beta")
    let asked = gateway.cluster.orders.count
    // From its plan on everybody knows where the disks go, also once the guest is there.
    func disk(_ target: String, to pool: String) -> MigrationEventData.Disk {
      func volume(_ pool: String) -> MigrationEventData.Volume {
        MigrationEventData.Volume(pool: Sample.name(pool), volume: Sample.name("web-1-\(target).qcow2"), format: .qcow2)
      }
      return MigrationEventData.Disk(
        target: Sample.name(target), from: volume("primary"), to: volume(pool), virtualSize: 10 * Sample.gibibyte, linkedClone: false)
    }
    await gateway.hear(
      Sample.event(1, .accepted, of: id),
      Sample.event(2, .preparing, of: id) { $0.disks = [disk("vda", to: "fast"), disk("vdb", to: "primary")] })
    for _ in 0..<2 {
      #expect(try await order(pools).content.text("jobid") == id)
      #expect(try await order([:]).content.text("jobid") == id)
      #expect(try await order([Sample.webRoot.uppercased(): Sample.fastAtBeta, Sample.webData: Sample.primaryAtBeta]).status == 200)
      expectReused(try await order([Sample.webRoot: Sample.primaryAtBeta]), "it has another pool for disk vda")
      expectReused(try await order([Sample.webRoot: Sample.fastAtBeta, Sample.webData: Sample.shared]), "it has another pool for disk vdb")
      expectReused(try await order(Sample.gammaID, pools), "it moves to host beta")
      #expect(try await order("99999999-9999-4999-8999-999999999999", pools).status == 431)
      await gateway.hear(Sample.event(3, .completed, of: id) { $0.runsAt = Sample.beta })
      gateway.cluster.edit { hosts in
        guard let web = hosts[Sample.alpha]?.guests.first(where: { $0.uuid == Sample.web }) else { return }
        hosts[Sample.alpha]?.guests.removeAll { $0.uuid == Sample.web }
        hosts[Sample.beta]?.guests.append(web)
      }
      gateway.clock.advance(seconds: 4)
    }
    #expect(gateway.cluster.orders.count == asked)
  }

  @Test("with the id of a job whose disk stays in its pool are the same order where they want it there, and no other")
  func reusedInPlace() async throws {
    let gateway = await RunningGateway()
    let id = "aaaaaaaa-0000-4000-8000-000000000002"
    gateway.cluster.edit { $0[Sample.alpha]?.guests[0].disks[0].pool = "shared" }
    func order(_ pool: String) async throws -> Answer {
      try await gateway.ask(
        "migrateVirtualMachineWithVolume",
        "virtualmachineid=\(Sample.web)&hostid=\(Sample.betaID)&customjobid=\(id)&migrateto[0].volume=\(Sample.webRoot)&migrateto[0].pool=\(pool)"
      )
    }
    #expect(try await order(Sample.shared).status == 200)
    #expect(gateway.cluster.orders.first?.command.pools?.inPlace == [Sample.name("vda")])
    let volume = MigrationEventData.Volume(pool: Sample.name("primary"), volume: Sample.name("web-1-vdb.qcow2"), format: .qcow2)
    await gateway.hear(
      Sample.event(1, .accepted, of: id),
      Sample.event(2, .preparing, of: id) {
        $0.disks = [
          MigrationEventData.Disk(
            target: Sample.name("vdb"), from: volume, to: volume, virtualSize: 10 * Sample.gibibyte, linkedClone: false)
        ]
      })
    #expect(try await order(Sample.shared).content.text("jobid") == id)
    let other = try await order(Sample.fastAtBeta)
    #expect(other.status == 431 && other.content.text("errortext")?.contains("it has another pool for disk vda") == true)
    #expect(gateway.cluster.orders.count == 1)
  }

  @Test("that are sent again are the same order, also by another gateway, and after the guest has moved")
  func replayed() async throws {
    let key = Sample.key()
    let (first, second) = (await RunningGateway(keys: [key]), await RunningGateway(keys: [key]))
    let query = Sample.signed(
      "command=migrateVirtualMachineWithVolume&response=json&apiKey=\(key.key)&signatureVersion=3&expires=2026-01-31T18%3A40%3A00Z&\(Self.order)",
      key)
    let answer = await first.responder.answer(try Parameters(query: query))
    let id = try #require(answer.content.text("jobid"))
    // The second gateway hears of it, and the guest has moved.
    await second.hear(Sample.event(1, .accepted, of: id), Sample.event(2, .completed, of: id) { $0.runsAt = Sample.beta })
    let again = await second.responder.answer(try Parameters(query: query))
    #expect(again.content.text("jobid") == id)
    #expect(first.cluster.orders.count == 1)
    #expect(second.cluster.orders.isEmpty)
    // One that has not read the history does not know whether it is new.
    let fresh = await RunningGateway(keys: [key], hasRead: false)
    #expect(await fresh.responder.answer(try Parameters(query: query)).status == 503)
    #expect(fresh.cluster.orders.isEmpty)
    // After its time it is none at all.
    first.clock.advance(seconds: 3600)
    #expect(await first.responder.answer(try Parameters(query: query)).status == 401)
  }

  @Test("to set the deadline go to all hosts, and say where they were not taken")
  func deadline() async throws {
    let gateway = await RunningGateway()
    let query = "name=kvm.storage.online.migration.wait&value=7200"
    let answer = try await gateway.ask("updateConfiguration", query)
    #expect(answer.content.object("configuration")?.text("value") == "7200")
    let listed = try await gateway.list("listConfigurations", "name=kvm.storage.online")
    #expect(listed.map { $0.text("value") } == ["7200"])
    #expect(listed.first?.text("defaultvalue") == "86400")
    gateway.cluster.silence(Sample.gamma)
    let partial = try await gateway.ask("updateConfiguration", query)
    #expect(partial.status == 530)
    #expect(partial.content.text("errortext")?.contains("gamma: no answer") == true)
    for wrong in [
      "name=kvm.storage.online.migration.wait&value=0", "name=kvm.storage.online.migration.wait&value=long", "name=nothing&value=1",
      "name=default.page.size&value=10", "name=kvm.storage.online.migration.wait&value=7200&zoneid=1",
    ] { #expect(try await gateway.ask("updateConfiguration", wrong).status == 431, "\(wrong)") }
    gateway.cluster.silence()
    gateway.cluster.edit { $0[Sample.beta]?.settings.deadlineSeconds.value = 60 }
    gateway.clock.advance(seconds: 4)
    let differing = try await gateway.list("listConfigurations", "name=kvm.storage.online")
    #expect(differing.first?.text("value") == "7200")
    #expect(differing.first?.text("description")?.contains("beta: 60") == true)
  }
}

@Suite("Where guests can move")
struct SuitabilityTests {
  @Test("is what the hosts' own checks say")
  func hosts() async throws {
    let gateway = await RunningGateway()
    gateway.cluster.answer { question in
      guard case .migrate(let command) = question.command, command.destination.host == Sample.gamma else { return nil }
      return .checked([Check(.noMemory, on: Sample.gamma, .refused, "1 GiB is free, 2 GiB are needed")], disks: [])
    }
    let rows = try await gateway.list("findHostsForMigration", "virtualmachineid=\(Sample.web)&pagesize=10&page=1")
    #expect(rows.map { $0.text("name") } == ["beta", "gamma"])
    #expect(rows.map { $0.flag("suitableformigration") } == [true, false])
    #expect(rows.map { $0.flag("requiresStorageMotion") } == [true, true])
    #expect(rows[1].object("details")?.text("reason") == "1 GiB is free, 2 GiB are needed")
    // Nothing was ordered.
    #expect(gateway.cluster.orders.isEmpty)
    #expect(gateway.cluster.questions.count == 2)
  }

  @Test("is found out of the hosts of the page that is asked for, and only of these")
  func page() async throws {
    let gateway = await RunningGateway()
    let answer = try await gateway.ask("findHostsForMigration", "virtualmachineid=\(Sample.web)&pagesize=1&page=2")
    #expect(answer.content.number("count") == 2)
    let checked = gateway.cluster.questions.compactMap { question -> NodeName? in
      if case .migrate(let command) = question.command { command.destination.host } else { nil }
    }
    #expect(checked == [Sample.gamma])
  }

  @Test("is not said of those for which no time is left, and no migration is ordered to them", .timeLimit(.minutes(1)))
  func late() async throws {
    var times = CommandRunner.Times()
    times.check = .zero
    let gateway = await RunningGateway(times: times)
    let rows = try await gateway.list("findHostsForMigration", "virtualmachineid=\(Sample.web)")
    #expect(rows.map { $0.flag("suitableformigration") } == [false, false])
    #expect(rows.allSatisfy { $0.object("details")?.text("reason")?.hasPrefix("not checked: ") == true }, "\(rows)")
    let order = try await gateway.ask("migrateVirtualMachineWithVolume", "virtualmachineid=\(Sample.web)&autoselect=true")
    #expect(order.status == 533 && order.content.text("errortext")?.contains("not checked: ") == true, "\(order)")
    #expect(gateway.cluster.questions.isEmpty)
  }

  @Test("is said of pools by hosts that have them, those that are suitable first")
  func pools() async throws {
    let gateway = await RunningGateway()
    gateway.cluster.answer { question in
      guard case .migrate(let command) = question.command, command.pools?.disks?[Sample.name("vda")] == Sample.name("fast") else {
        return nil
      }
      return .checked([Check(.noSpace, on: Sample.beta, .refused, "full")], disks: [])
    }
    let rows = try await gateway.list("findStoragePoolsForMigration", "id=\(Sample.webRoot)")
    #expect(rows.map { $0.text("name") } == ["primary", "shared", "fast"])
    #expect(rows.map { $0.flag("suitableformigration") } == [true, true, false])
    #expect(rows.map { $0.text("id") } == [Sample.primaryAtBeta, Sample.shared, Sample.fastAtBeta])
  }

  @Test("is no of guests that do not run, and of hosts that do not answer")
  func not() async throws {
    let gateway = await RunningGateway()
    #expect(try await gateway.ask("findHostsForMigration", "virtualmachineid=\(Sample.stopped)").status == 431)
    gateway.cluster.silence(Sample.alpha)
    let rows = try await gateway.list("findHostsForMigration", "virtualmachineid=\(Sample.web)")
    #expect(rows.map { $0.flag("suitableformigration") } == [false, false])
  }
}

@Suite("Jobs")
struct JobTests {
  private static let id = "00000000-0000-4000-8000-000000000001"

  private func job(_ gateway: RunningGateway, _ id: String = id) async throws -> ResponseObject {
    try await gateway.ask("queryAsyncJobResult", "jobid=\(id)").content
  }

  @Test("are migrations, with their progress in percent that never falls")
  func progress() async throws {
    let gateway = await RunningGateway()
    await gateway.hear(Sample.event(1, .accepted, of: Self.id), Sample.event(2, .transferring, of: Self.id))
    var last: Int64 = 0
    for (second, done) in [(3.0, 10), (4.0, 50), (5.0, 40), (6.0, 90)] as [(Double, UInt64)] {
      await gateway.state.apply(.progress(Sample.progress(of: Self.id, at: second, done: done, of: 100)))
      let row = try await job(gateway)
      let percent = try #require(row.number("jobprocstatus"))
      #expect(percent >= last && percent < 100)
      last = percent
      #expect(row.number("jobstatus") == 0 && row.number("jobresultcode") == 0)
      #expect(row["jobresult"] == nil && row["completed"] == nil && row["jobresulttype"] == nil)
      #expect(row.text("jobinstanceid") == Sample.web && row.text("jobinstancetype") == "VirtualMachine")
    }
    #expect(last == 90)
    #expect(try await gateway.list("listAsyncJobs").map { $0.text("jobid") } == [Self.id])
    #expect(
      try await gateway.ask("queryAsyncJobResult", "resourceid=\(Sample.web)&resourcetype=VirtualMachine").content.text("jobid") == Self.id)
  }

  @Test("that succeed tell the guest at its new host")
  func success() async throws {
    let gateway = await RunningGateway()
    await gateway.hear(
      Sample.event(1, .accepted, of: Self.id), Sample.event(2, .transferring, of: Self.id),
      Sample.event(3, .completed, of: Self.id) { $0.runsAt = Sample.beta })
    // The host's answer may be of before.
    let row = try await job(gateway)
    #expect(row.number("jobstatus") == 1 && row.number("jobprocstatus") == 100 && row.number("jobresultcode") == 0)
    #expect(row.text("jobresulttype") == "object")
    #expect(row.text("created") == "2026-01-31T18:30:01+0000" && row.text("completed") == "2026-01-31T18:30:03+0000")
    let result = try #require(row.object("jobresult"))
    #expect(result.fields.map(\.name) == ["virtualmachine"])
    let machine = try #require(result.object("virtualmachine"))
    #expect(machine.text("id") == Sample.web && machine.text("hostid") == Sample.betaID && machine.text("state") == "Running")
    #expect(machine.text("jobid") == Self.id && machine.number("jobstatus") == 1)
    #expect(try await gateway.list("listAsyncJobs").isEmpty)
    // A guest that has ended since it arrived.
    let ended = await RunningGateway()
    ended.cluster.edit { $0[Sample.alpha]?.guests[0].state = "shut off" }
    await ended.hear(
      Sample.event(1, .accepted, of: Self.id),
      Sample.event(3, .completed, of: Self.id) {
        $0.runsAt = Sample.beta
        $0.reasons = [Reason(.guestEnded, "the guest has ended at beta since it arrived")]
      })
    #expect(try await job(ended).object("jobresult")?.object("virtualmachine")?.text("state") == "Stopped")
    // Where no host tells the guest, and where none can be asked.
    gateway.cluster.edit { $0[Sample.alpha]?.guests = [] }
    gateway.clock.advance(seconds: 4)
    #expect(try await job(gateway).object("jobresult")?.object("virtualmachine")?.text("hostname") == "beta")
    gateway.cluster.isAway(true)
    gateway.clock.advance(seconds: 4)
    #expect(try await job(gateway).object("jobresult")?.object("virtualmachine")?.text("name") == "web-1")
  }

  @Test(
    "that fail tell why, with the code of the cause",
    arguments: [(Reason.Code.transferFailed, 530), (.noSpace, 533), (.destinationUnreachable, 534)] as [(Reason.Code, Int)])
  func failure(code: Reason.Code, status: Int) async throws {
    let gateway = await RunningGateway()
    await gateway.hear(
      Sample.event(1, .accepted, of: Self.id),
      Sample.event(2, .failed, of: Self.id) { $0.reasons = [Reason(code, "the cause"), Reason(.operationFailed, "what followed")] })
    let row = try await job(gateway)
    #expect(row.number("jobstatus") == 2 && row.number("jobresultcode") == Int64(status))
    let result = try #require(row.object("jobresult"))
    #expect(result.fields.map(\.name) == ["errorcode", "errortext"])
    #expect(result.number("errorcode") == Int64(status))
    #expect(result.text("errortext") == "the cause; what followed")
  }

  @Test("that are cancelled have failed: clients wait for ever on any other end")
  func cancelled() async throws {
    let gateway = await RunningGateway()
    await gateway.hear(Sample.event(1, .accepted, of: Self.id))
    let answer = try await gateway.ask("cancelAsyncJob", "jobid=\(Self.id)")
    #expect(answer.content.flag("success") == true)
    let asked = try #require(gateway.cluster.questions.last)
    #expect(asked.host == Sample.alpha && asked.command == .cancel(migration: Sample.id(Self.id)))
    await gateway.hear(Sample.event(2, .cancelled, of: Self.id) { $0.reasons = [Reason(.cancelled, "the orchestrator said so")] })
    let row = try await job(gateway)
    #expect(row.number("jobstatus") == 2 && row.number("jobresultcode") == 530)
    #expect(row.object("jobresult")?.text("errortext") == "cancelled by request: the orchestrator said so")
    #expect(try await gateway.ask("cancelAsyncJob", "jobid=\(Self.id)").status == 431)
  }

  @Test("that wait for somebody go on: they have not ended")
  func attention() async throws {
    let gateway = await RunningGateway()
    await gateway.hear(Sample.event(1, .accepted, of: Self.id), Sample.event(2, .needsAttention, of: Self.id))
    #expect(try await job(gateway).number("jobstatus") == 0)
  }

  @Test("that nobody knows here are asked for at the hosts")
  func searched() async throws {
    let gateway = await RunningGateway()
    gateway.cluster.know(Sample.status(Self.id, .completed))
    #expect(try await job(gateway).number("jobstatus") == 1)
    #expect(try await gateway.ask("queryAsyncJobResult", "jobid=00000000-0000-4000-8000-00000000000f").status == 431)
    // Whether there is one is not known while nobody can be asked, or the history is being read.
    gateway.cluster.isAway(true)
    #expect(try await gateway.ask("queryAsyncJobResult", "jobid=00000000-0000-4000-8000-00000000000f").status == 503)
    gateway.cluster.isAway(false)
    gateway.cluster.silence(Sample.alpha, Sample.beta, Sample.gamma)
    #expect(try await gateway.ask("queryAsyncJobResult", "jobid=00000000-0000-4000-8000-00000000000f").status == 503)
    let fresh = await RunningGateway(hasRead: false)
    #expect(try await fresh.ask("queryAsyncJobResult", "jobid=\(Self.id)").status == 503)
    #expect(try await fresh.ask("queryAsyncJobResult").status == 431)
  }

  @Test("are the same at two gateways, whatever order events come in")
  func twoGateways() async throws {
    let events = [
      Sample.event(1, .accepted, of: Self.id), Sample.event(2, .preparing, of: Self.id), Sample.event(3, .transferring, of: Self.id),
      Sample.event(4, .completed, of: Self.id) { $0.runsAt = Sample.beta },
    ]
    let (first, second) = (await RunningGateway(), await RunningGateway())
    for event in events { await first.hear(event) }
    for event in events.reversed() + events { await second.hear(event) }
    #expect(try await job(first) == job(second))
  }

  @Test("are kept in a bounded number, and of those that fell out the end is still known")
  func bounded() async throws {
    let gateway = await RunningGateway(limits: ClusterModel.Limits(ended: 100, stories: 10))
    func id(_ number: Int) -> String { "00000000-0000-4000-8000-0000000\(10_000 + number)" }
    for number in 0..<90 {
      await gateway.hear(
        Sample.event(1, .accepted, of: id(number), at: Double(number)),
        Sample.event(2, .failed, of: id(number), at: Double(number) + 0.5) { $0.reasons = [Reason(.transferFailed, "cause \(number)")] })
    }
    #expect(await gateway.state.model.records.count == 10)
    let old = try await job(gateway, id(3))
    #expect(old.number("jobstatus") == 2)
    #expect(old.object("jobresult")?.text("errortext")?.contains("cause 3") == true)
  }
}

@Suite("Events of CloudStack's kind")
struct EventTests {
  @Test("are told of a migration's beginning, its transfer and its end")
  func rows() async throws {
    let gateway = await RunningGateway()
    let id = "00000000-0000-4000-8000-000000000001"
    await gateway.hear(
      Sample.event(1, .accepted, of: id), Sample.event(2, .preparing, of: id), Sample.event(3, .transferring, of: id),
      Sample.event(4, .failed, of: id) { $0.reasons = [Reason(.transferFailed, "the link broke")] })
    let rows = try await gateway.list("listEvents")
    #expect(rows.map { $0.text("state") } == ["Completed", "Started", "Scheduled"])
    #expect(rows.map { $0.text("level") } == ["ERROR", "INFO", "INFO"])
    #expect(rows.allSatisfy { $0.text("type") == "VM.MIGRATE" && $0.text("resourceid") == Sample.web })
    #expect(rows[0].text("description")?.hasPrefix("Error while migrating") == true)
    #expect(rows[0].text("description")?.hasSuffix("the link broke") == true)
    #expect(rows[2].text("description")?.hasPrefix("Attempting to migrate Instance") == true)
    #expect(rows[0].text("parentid") == rows[2].text("id"))
    #expect(try await gateway.list("listEvents", "level=error").count == 1)
    #expect(try await gateway.list("listEvents", "startdate=2026-01-31T18:30:03Z").count == 2)
    #expect(try await gateway.list("listEvents", "type=VM.CREATE").isEmpty)
    #expect(try await gateway.list("listEvents", "id=\(rows[1].text("id") ?? "")").count == 1)
  }
}

@Suite("Messages on a bus of events of CloudStack's kind")
struct BusMessageTests {
  private static let id = "00000000-0000-4000-8000-000000000001"

  private func messages(
    _ kind: MigrationEventData.Kind, number: Int = 4, _ edit: (inout MigrationEventData) -> Void = { _ in }
  ) -> [BusMessage] {
    BusMessage.messages(of: Sample.event(number, kind, of: Self.id, edit: edit), in: Sample.cluster)
  }

  @Test("have the keys that CloudStack's have, but for the source")
  func keys() {
    #expect(
      messages(.accepted).map(\.key) == [
        "longshore.ActionEvent.VM-MIGRATE.VirtualMachine.\(Sample.web)", "longshore.AsyncJobEvent.submit.VirtualMachine.\(Sample.web)",
      ])
    #expect(
      messages(.transferring).map(\.key) == [
        "longshore.ActionEvent.VM-MIGRATE.VirtualMachine.\(Sample.web)",
        "longshore.ResourceStateEvent.MigrationRequested.VirtualMachine.\(Sample.web)",
      ])
    #expect(
      messages(.completed).map(\.key) == [
        "longshore.ResourceStateEvent.OperationSucceeded.VirtualMachine.\(Sample.web)",
        "longshore.ActionEvent.VM-MIGRATE.VirtualMachine.\(Sample.web)", "longshore.AsyncJobEvent.complete.VirtualMachine.\(Sample.web)",
      ])
    for stage in [.transfer, .handover] as [MigrationEventData.Stage] {
      #expect(
        messages(.failed) { $0.stage = stage }.map(\.key) == [
          "longshore.ResourceStateEvent.OperationFailed.VirtualMachine.\(Sample.web)",
          "longshore.ActionEvent.VM-MIGRATE.VirtualMachine.\(Sample.web)", "longshore.AsyncJobEvent.complete.VirtualMachine.\(Sample.web)",
        ])
    }
    // Whose transfer did not begin, its state was never told to change.
    for stage in [.checks, .prepare] as [MigrationEventData.Stage] {
      for kind in [.failed, .cancelled] as [MigrationEventData.Kind] {
        #expect(
          messages(kind) { $0.stage = stage }.map(\.key) == [
            "longshore.ActionEvent.VM-MIGRATE.VirtualMachine.\(Sample.web)",
            "longshore.AsyncJobEvent.complete.VirtualMachine.\(Sample.web)",
          ])
      }
    }
    #expect(messages(.preparing).isEmpty && messages(.queued).isEmpty && messages(.needsAttention).isEmpty)
    // What is told again of a transfer is no second start.
    #expect(messages(.transferring) { $0.reasons = [Reason(.downtimeRaised, "more")] }.isEmpty)
  }

  @Test("say in their first words whether it went well, as CloudStack's consumers read it")
  func bodies() throws {
    let done = messages(.completed)[1].body
    #expect(done.text("event") == "VM.MIGRATE" && done.text("status") == "Completed" && done.text("entityuuid") == Sample.web)
    #expect(done.text("description")?.hasPrefix("Successfully completed ") == true)
    #expect(done.text("eventDateTime") == "2026-01-31 18:30:04 +0000")
    let failed = messages(.failed) {
      $0.stage = .transfer
      $0.reasons = [Reason(.transferFailed, "the link broke")]
    }
    #expect(failed[1].body.text("description")?.hasPrefix("Error while ") == true)
    #expect(failed[2].body.text("status") == "FAILED" && failed[2].body.object("jobResult")?.text("errortext") == "the link broke")
    #expect(failed[2].body.text("jobId") == Self.id && failed[2].job.text == Self.id)
  }

  @Test(
    "say of a job's end what the job says",
    arguments: [
      (.completed, []), (.cancelled, [Reason(.cancelled, "the orchestrator said so")]), (.failed, [Reason(.transferFailed, "broke")]),
      (.failed, [Reason(.noSpace, "the pool is full"), Reason(.operationFailed, "what followed")]),
      (.failed, [Reason(.destinationUnreachable, "beta is away")]),
    ] as [(MigrationEventData.Kind, [Reason])])
  func jobs(kind: MigrationEventData.Kind, reasons: [Reason]) async throws {
    let edit = { (data: inout MigrationEventData) in
      data.reasons = reasons.isEmpty ? nil : reasons
      data.runsAt = kind == .completed ? Sample.beta : Sample.alpha
    }
    let gateway = await RunningGateway()
    await gateway.hear(Sample.event(1, .accepted, of: Self.id), Sample.event(4, kind, of: Self.id, edit: edit))
    let row = try await gateway.ask("queryAsyncJobResult", "jobid=\(Self.id)").content
    let told = try #require(messages(kind, edit).last?.body)
    #expect(told.number("resultCode") == row.number("jobresultcode"))
    #expect(told.number("processStatus") == row.number("jobprocstatus"))
    #expect(told.text("status") == (row.number("jobstatus") == 1 ? "SUCCEEDED" : "FAILED"))
    #expect(told.object("cmdInfo")?.text("virtualmachineid") == Sample.web)
    if kind == .completed {
      let machine = try #require(told.object("jobResult")?.object("virtualmachine"))
      #expect(machine.text("id") == Sample.web && machine.text("hostname") == "beta" && machine.text("state") == "Running")
    } else {
      #expect(told.object("jobResult") == row.object("jobresult"))
    }
    let submitted = try #require(messages(.accepted, number: 1).last?.body)
    #expect(submitted.text("status") == "IN_PROGRESS" && submitted["jobResult"] == nil && submitted.number("resultCode") == 0)
  }

  @Test("have an id that is the same whoever tells them, and another for each")
  func ids() {
    let all = [messages(.accepted, number: 1), messages(.transferring, number: 3), messages(.completed)].flatMap { $0.map(\.id) }
    #expect(Set(all).count == all.count)
    #expect(messages(.completed).map(\.id) == messages(.completed).map(\.id))
  }
}
