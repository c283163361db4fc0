import AMQP
import FoundationEssentials
import LongshoreMessages
import LongshoreTestKit
import Testing

extension ThreeNodeTests {
  /// CloudStack's interface over a broker and hosts that are there, as the client `cs` uses it.
  @Suite(
    .serialized, .enabled(if: CloudStackClient.python != nil, CloudStackClient.missing),
    .enabled(if: Client.longshore != nil, Client.missingLongshore))
  struct Gateways {
    @Test("a guest moves with its disks to another host and pool, the percentage rises, and its volumes keep their ids")
    func moves() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.mixed, in: lab) { guest in
        try await CloudStackClient.with(lab) { cloud in
          let volumes = try await cloud.list("listVolumes", ["virtualmachineid=\(guest.uuid)"])
          #expect(
            volumes.count == 2 && volumes.allSatisfy { $0["storage"] == .text("primary") && $0["state"] == .text("Ready") }, "\(volumes)")
          let moved = try await lab.withLink(of: .beta, rate: "100mbit") { try await cloud.move(guest, to: .beta, into: .secondary) }
          #expect(moved.code == 0, "\(moved)")
          let lines = moved.output.split(separator: "\n").map(String.init)
          #expect(lines.first == "\(guest.name) is Running on alpha" && lines.last == "\(guest.name) is Running on beta", "\(moved)")
          let percent = lines.compactMap { $0.hasSuffix(" %") ? Int($0.dropLast(2)) : nil }
          #expect(percent.count >= 3 && percent == percent.sorted() && percent.last == 100, "\(percent)")
          #expect(try await guest.state(on: .alpha) == nil)
          #expect(try await guest.state(on: .beta) == "running")
          let folder = try lab.folder(.secondary, on: .beta)
          #expect(try await guest.disks(on: .beta).allSatisfy { $0.hasPrefix("\(folder)/") })
          let after = try await cloud.list("listVolumes", ["virtualmachineid=\(guest.uuid)"])
          #expect(after.map { $0["id"] } == volumes.map { $0["id"] } && after.map { $0["size"] } == volumes.map { $0["size"] })
          #expect(after.allSatisfy { $0["storage"] == .text("secondary") }, "\(after)")
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }

    @Test("the lines of the documentation move a guest, show the percentage rise, and CloudStack's answer at the end")
    func page() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.mixed, in: lab) { guest in
        try await CloudStackClient.with(lab) { cloud in
          let moved = try await lab.withLink(of: .beta, rate: "100mbit") { try await cloud.moveByThePage(guest) }
          #expect(moved.code == 0, "\(moved)")
          let lines = moved.output.split(separator: "\n").map(String.init)
          #expect(lines.last == "\(guest.name) is Running on beta", "\(moved)")
          let percent = lines.compactMap { $0.hasSuffix(" %") ? Int($0.dropLast(2)) : nil }
          #expect(percent.count == lines.count - 1 && percent == percent.sorted() && percent.last == 100, "\(moved)")
          #expect(percent.contains { $0 > 0 && $0 < 100 }, "\(moved)")
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }

    @Test(
      "a guest moves by Ansible, whose collection shows it and sets the deadline, and by cloudstack-go, which wait for their jobs",
      .enabled(if: CloudStackClient.goPrograms != nil, CloudStackClient.missingGo))
    func otherClients() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.mixed, in: lab) { guest in
        try await CloudStackClient.with(lab, method: "post") { cloud in
          let setting = "name=kvm.storage.online.migration.wait"
          try await finally {
            let played = try await cloud.play(guest, to: .beta)
            #expect(played.code == 0, "\(played)")
            #expect(played.output.contains("\(guest.name) is Running on beta, was on alpha"), "\(played)")
            let deadline = try #require(try await cloud.list("listConfigurations", [setting]).first)
            #expect(deadline["value"] == .text("7200"), "\(deadline)")
          } do: {
            let reset = try await cloud.call(["updateConfiguration", setting, "value=86400"])
            #expect(reset.code == 0, "\(reset)")
          }
          try await guest.setConsoleAside(on: .alpha)
          let moved = try await cloud.moveInGo(guest, to: .alpha, into: .secondary)
          #expect(moved.code == 0, "\(moved)")
          #expect(moved.output == "\(guest.name) is Running on beta\n\(guest.name) is Running on alpha\n", "\(moved)")
          let folder = try lab.folder(.secondary, on: .alpha)
          #expect(try await guest.disks(on: .alpha).allSatisfy { $0.hasPrefix("\(folder)/") })
          try await guest.verify(.alpha, .beta, .alpha).expectGood()
        }
      }
    }

    @Test("neither a gateway that is killed nor a broker that restarts loses a job, another gateway knows it, and CloudStack's bus is told")
    func keepsJobs() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await lab.withTemplateAtDestination {
          try await lab.withGatewayUser { broker in
            try await Orchestrator.with(lab) { orchestrator in
              try await CloudStackBus.with(lab) { bus in
                try await CloudStackClient.with(lab, broker: broker, options: ["--publish-events"]) { second in
                  let id = try Orchestrator.newID()
                  try await lab.withLink(of: .beta, rate: "10mbit") {
                    try await CloudStackClient.with(lab, broker: broker) { first in
                      let host = try #require(try await first.list("listHosts", ["name=beta"]).first?["id"]?.string)
                      let accepted = try await first.call([
                        "migrateVirtualMachineWithVolume", "virtualmachineid=\(guest.uuid)", "hostid=\(host)", "customjobid=\(id)",
                      ])
                      #expect(accepted.code == 0 && accepted.output.contains(id.text), "\(accepted)")
                      try await orchestrator.progress(of: id, until: \.isCopyingDisks)
                      try first.killGateway()
                    }
                    #expect(try await second.object("queryAsyncJobResult", ["jobid=\(id)"])["jobstatus"] == .number(0))
                    try await lab.command("broker", "stop")
                    try await finally {
                      // The switch needs the broker: the job goes on.
                      let pending = try await second.object("queryAsyncJobResult", ["jobid=\(id)"])
                      #expect(pending["jobstatus"] == .number(0), "\(pending)")
                    } do: {
                      try await lab.command("broker", "start")
                    }
                  }
                  try await CloudStackClient.with(lab, broker: broker) { first in
                    for gateway in [first, second] {
                      let ended = try await gateway.job(id)
                      #expect(ended["jobstatus"] == .number(1) && ended["jobresultcode"] == .number(0), "\(ended)")
                      #expect(ended["jobresult"]?["virtualmachine"]?["hostname"] == .text("beta"), "\(ended)")
                    }
                  }
                  #expect(try await orchestrator.end(of: id).kind == .completed)
                  try Self.expectStory(try await bus.story(of: guest), of: guest, id)
                }
              }
            }
          }
          #expect(try await guest.state(on: .alpha) == nil)
          #expect(try await guest.state(on: .beta) == "running")
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }

    /// What CloudStack's bus tells of a migration that succeeds, in CloudStack's form and order.
    private static func expectStory(_ story: [CloudStackBus.Received], of guest: Guest, _ id: MigrationID) throws {
      let action = "ActionEvent.VM-MIGRATE"
      #expect(
        story.map(\.key)
          == [
            action, "AsyncJobEvent.submit", action, "ResourceStateEvent.MigrationRequested", "ResourceStateEvent.OperationSucceeded",
            action,
            "AsyncJobEvent.complete",
          ].map { "longshore.\($0).VirtualMachine.\(guest.uuid)" })
      for message in story {
        let properties = message.properties
        #expect(properties.contentType == "text/plain" && properties.deliveryMode == .persistent && properties.priority == 0)
        #expect(properties.userID == "gateway" && properties.headers["jobid"] == .string(id.text))
      }
      let actions = story.filter { $0.key.contains(action) }.map(\.body)
      #expect(actions.map { $0["status"] } == [.text("Scheduled"), .text("Started"), .text("Completed")])
      for (body, words) in zip(actions, ["Attempting to migrate Instance ", "Starting migrating ", "Successfully completed "]) {
        #expect(body["event"] == .text("VM.MIGRATE") && body["entity"] == .text("VirtualMachine"), "\(body)")
        #expect(body["entityuuid"] == .text(guest.uuid) && body["VirtualMachine"] == .text(guest.uuid), "\(body)")
        #expect(body["description"]?.string?.hasPrefix(words) == true, "\(body)")
        #expect(body["eventDateTime"]?.string?.wholeMatch(of: /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000/) != nil, "\(body)")
      }
      let states = story.filter { $0.key.contains("ResourceStateEvent") }.map(\.body)
      #expect(states.map { $0["old-state"] } == [.text("Running"), .text("Migrating")])
      #expect(states.map { $0["new-state"] } == [.text("Migrating"), .text("Running")])
      #expect(states.allSatisfy { $0["resource"] == .text("VirtualMachine") && $0["id"] == .text(guest.uuid) }, "\(states)")
      let jobs = story.filter { $0.key.contains("AsyncJobEvent") }.map(\.body)
      #expect(jobs.map { $0["status"] } == [.text("IN_PROGRESS"), .text("SUCCEEDED")])
      #expect(jobs.allSatisfy { $0["jobId"] == .text(id.text) && $0["instanceUuid"] == .text(guest.uuid) }, "\(jobs)")
      #expect(jobs.allSatisfy { $0["commandEventType"] == .text("VM.MIGRATE") && $0["resultCode"] == .number(0) }, "\(jobs)")
      #expect(jobs.last?["jobResult"]?["virtualmachine"]?["hostname"] == .text("beta"), "\(jobs)")
    }

    @Test("wrong signatures, expired requests, unknown ids and what is not offered are refused by CloudStack's codes")
    func refusals() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await CloudStackClient.with(lab) { cloud in
        func expect(_ code: Int, _ ending: Client.Ending, _ words: String) {
          #expect(ending.code == 3 && ending.output.contains("\"errorcode\": \(code)"), "\(ending)")
          #expect(ending.output.contains("\"status\": \(code)") && ending.output.contains(words), "\(ending)")
        }
        let unknown = UUID().uuidString.lowercased()
        expect(401, try await cloud("--secret", String(repeating: "x", count: 40), "call", "listHosts"), "verify")
        expect(401, try await cloud("--expires", "0", "call", "listHosts"), "xpire")
        expect(432, try await cloud("call", "deployVirtualMachine"), "")
        expect(431, try await cloud("call", "migrateVirtualMachineWithVolume", "virtualmachineid=\(unknown)"), "Either hostid or migrateto")
        expect(431, try await cloud("call", "migrateVirtualMachineWithVolume", "virtualmachineid=\(unknown)", "autoselect=true"), "")
        expect(431, try await cloud("call", "queryAsyncJobResult", "jobid=\(unknown)"), "")
        let machines = try await cloud("call", "listVirtualMachines")
        #expect(machines.code == 0, "\(machines)")
      }
    }

    @Test("a guest in motion, a job that is cancelled, a pool without room and a host that is down each have their code and status")
    func failures() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await lab.withSmallPool("small", size: "24M", on: .beta) {
        try await Guest.with(.linked, in: lab) { guest in
          try await CloudStackClient.with(lab) { cloud in
            try await Orchestrator.with(lab) { orchestrator in
              let hosts = try await cloud.list("listHosts", ["type=Routing"])
              let beta = try #require(hosts.first { $0["name"] == .text("beta") }?["id"]?.string)
              let order = ["migrateVirtualMachineWithVolume", "virtualmachineid=\(guest.uuid)", "hostid=\(beta)"]
              try await lab.withTemplateAtDestination {
                try await lab.withLink(of: .beta, rate: "10mbit") {
                  let id = try Orchestrator.newID()
                  let accepted = try await cloud.call(order + ["customjobid=\(id)"])
                  #expect(accepted.code == 0 && accepted.output.contains(id.text), "\(accepted)")
                  try await orchestrator.progress(of: id, until: \.isCopyingDisks)
                  let again = try await cloud.call(order + ["customjobid=\(id)"])
                  #expect(again.code == 0 && again.output.contains(id.text), "the same order of the same id is the same job: \(again)")
                  let busy = try await cloud.call(order)
                  #expect(busy.code == 3 && busy.output.contains("\"errorcode\": 536"), "\(busy)")
                  let pending = try await cloud.object("queryAsyncJobResult", ["jobid=\(id)"])
                  #expect(pending["jobstatus"] == .number(0) && pending["jobresultcode"] == .number(0), "\(pending)")
                  let cancelled = try await cloud.call(["cancelAsyncJob", "jobid=\(id)"])
                  #expect(cancelled.code == 0, "\(cancelled)")
                  #expect(try await orchestrator.end(of: id).kind == .cancelled)
                  let ended = try await cloud.job(id)
                  #expect(ended["jobstatus"] == .number(2) && ended["jobresultcode"] == .number(530), "\(ended)")
                  #expect("\(ended)".contains("cancelled"), "\(ended)")
                }
              }
              let small = try #require(try await cloud.list("listStoragePools", ["hostid=\(beta)", "name=small"]).first?["id"]?.string)
              let volume = try #require(try await cloud.list("listVolumes", ["virtualmachineid=\(guest.uuid)"]).first?["id"]?.string)
              let id = try Orchestrator.newID()
              let full = try await cloud.call(order + ["customjobid=\(id)", #"migrateto=[{"volume":"\#(volume)","pool":"\#(small)"}]"#])
              #expect(full.code == 0, "\(full)")
              #expect(try await orchestrator.end(of: id).stage == .checks)
              let ended = try await cloud.job(id)
              #expect(ended["jobstatus"] == .number(2) && ended["jobresultcode"] == .number(533), "\(ended)")
              try await lab.command("agent", "kill", "beta")
              try await finally {
                try await cloud.waitUntilDown("beta")
                let down = try await cloud.call(order)
                #expect(down.code == 3 && down.output.contains("\"errorcode\": 534"), "\(down)")
              } do: {
                try await lab.startAgent(on: .beta)
              }
              try await guest.waitForWrite(on: .alpha)
            }
          }
        }
      }
    }
  }
}
