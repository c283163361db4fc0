import LongshoreClient
import LongshoreMessages
import Testing

extension MigrationTests {
  /// What an operator finds out by `longshore doctor` and `longshore dead-letters`.
  @Suite(.serialized, .enabled(if: Client.longshore != nil, Client.missingLongshore)) struct Diagnoses {
    private func run(_ words: String..., in lab: Lab) async throws -> Client.Ending {
      try await #require(Client.longshore).run(words + ["--broker", try lab.brokerURL, "--cluster", Lab.cluster])
    }

    /// The codes of what is not well, by host.
    private func findings(_ lab: Lab, code: Int32) async throws -> Set<String> {
      let ending = try await run("doctor", "--quiet", "--timeout", "5m", in: lab)
      #expect(ending.code == code, "\(ending)")
      // The lab's broker is on another address than this machine's own, without TLS; other tests have left dead letters.
      return Set(ending.output.split(separator: "\n").map(String.init)).subtracting(["broker unprotected", "broker dead-letters"])
    }

    @Test("all is well, libvirt is away, a port is closed, everybody can read a key")
    func doctor() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      // The files of the tests before have been deleted, and stand in the journals.
      for host in Lab.Host.allCases { try await lab.loseJournal(of: host) }
      try await Orchestrator.with(lab) { orchestrator in
        for host in Lab.Host.allCases { try await orchestrator.waitForLibvirt(on: host) }
        #expect(try await findings(lab, code: 0) == [])

        try await lab.endLibvirt(on: .beta, with: "TERM")
        #expect(try await findings(lab, code: 1) == ["beta libvirt-unreachable", "alpha libvirt-unreachable"])
        try await lab.startLibvirt(on: .beta)
        try await orchestrator.waitForLibvirt(on: .beta)

        try await lab.shell(on: .beta, "iptables --wait 30 -I INPUT -p tcp --dport 10809:10872 -j REJECT --reject-with tcp-reset")
        try await finally {
          let found = try await findings(lab, code: 1)
          #expect(found == ["alpha port-closed"])
        } do: {
          try await lab.shell(on: .beta, "iptables --wait 30 -D INPUT -p tcp --dport 10809:10872 -j REJECT --reject-with tcp-reset")
        }
        // What harms nothing yet.
        try await lab.shell(on: .alpha, "chmod o+r /etc/longshore/tls/agent.key")
        try await finally {
          let found = try await findings(lab, code: 0)
          #expect(found == ["alpha readable-secret"])
        } do: {
          try await lab.shell(on: .alpha, "chmod o-r /etc/longshore/tls/agent.key")
        }
        #expect(try await findings(lab, code: 0) == [])
      }
    }

    @Test("a clock is ahead, a certificate ends soon, something is left over")
    func wear() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      for host in Lab.Host.allCases { try await lab.loseJournal(of: host) }
      try await Orchestrator.with(lab) { orchestrator in
        try await orchestrator.waitForLibvirt(on: .beta)
        let clock = FalseClock(lab)
        try await finally {
          for (seconds, code) in [(10, 0), (60, 1)] as [(Int, Int32)] {
            try await clock.set(seconds)
            try await clock.restartAgent(on: .alpha)
            try await orchestrator.waitForLibvirt(on: .alpha)
            let found = try await findings(lab, code: code)
            #expect(found == ["alpha clock-differs"], "\(seconds) s")
          }
        } do: {
          try await lab.restartAgent(on: .alpha)
        }
        try await orchestrator.waitForLibvirt(on: .alpha)

        let folder = "\(try lab.folder(.primary, on: .alpha))/.longshore/lab.alpha/\(try Orchestrator.newID())"
        try await lab.shell(
          on: .alpha,
          #"""
          mkdir -p "$1" && echo draft >"$1/layer-1"
          cd /etc/longshore/tls && mv agent.pem agent.pem.lasting
          openssl req -x509 -new -key agent.key -subj /CN=agent-alpha -days 3 -out agent.pem
          """#, folder)
        try await finally {
          let found = try await findings(lab, code: 0)
          #expect(found == ["alpha certificate-expires", "alpha left-over"])
        } do: {
          try await lab.shell(on: .alpha, #"mv /etc/longshore/tls/agent.pem.lasting /etc/longshore/tls/agent.pem; rm -r "$1""#, folder)
        }
        #expect(try await findings(lab, code: 0) == [])
      }
    }

    @Test("all that both hosts know of a migration is in one text, without the password of the guest's console")
    func report() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(Guest.Form(options: ["--disks", "1", "--stopped"]), in: lab) { guest in
        let password = "hush-hus"
        try await lab.shell(
          on: .alpha,
          #"""
          virsh --quiet dumpxml --inactive "$1" |
            sed "s|</devices>|<graphics type='vnc' port='-1' listen='127.0.0.1' passwd='$2'/></devices>|" | virsh --quiet define /dev/stdin
          virsh --quiet start "$1"
          """#, guest.name, password)
        try await guest.waitForWrite(on: .alpha)
        try await Orchestrator.with(lab) { orchestrator in
          let id = try await orchestrator.migrate(guest, from: .alpha)
          #expect(try await orchestrator.end(of: id).kind == .completed)
          let ending = try await run("report", id.text, "--output", "-", "--timeout", "60s", in: lab)
          #expect(ending.code == 0, "\(ending.error)")
          for part in [
            "===== alpha: migration, from this host =====", "===== alpha: its history =====", "===== alpha: its events =====",
            "===== beta: migration, to this host =====", "===== alpha: registered files =====", "===== beta: the guest here =====",
            "<name>\(guest.name)</name>", "===== alpha: libvirt's log of the guest's QEMU =====", "reason=migrated",
            "\"kind\":\"completed\"",
            "===== beta: log of the agent =====",
          ] { #expect(ending.output.contains(part), "\(part)") }
          #expect(!ending.output.contains(password))
          // It has moved with the guest.
          try await lab.shell(on: .beta, #"virsh --quiet dumpxml --security-info "$1" | grep -F "passwd='$2'""#, guest.name, password)
        }
      }
    }

    @Test("a request that nobody could use is listed, shown, sent again as the operator's, and dropped")
    func deadLetters() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      _ = try await run("dead-letters", "drop", "--all", "--yes", in: lab)
      try await Orchestrator.with(lab) { orchestrator in
        let request = Request(id: try Orchestrator.newID(), command: .cancel(migration: try Orchestrator.newID()))
        let body = MessageCoding.encode(request)
        try await orchestrator.publish(body, to: .alpha, correlation: nil)
        try await orchestrator.deadLetter(body, for: .unknownMigration)
        let listed = try await run("dead-letters", "--quiet", in: lab)
        let ids = listed.output.split(separator: "\n").map(String.init)
        #expect(listed.code == 0 && ids.count == 1, "\(listed)")
        let id = try #require(ids.first)
        let shown = try await run("dead-letters", "show", id, in: lab)
        #expect(shown.output.contains("put aside by  lab.alpha") && shown.output.contains("[unknown-migration]"), "\(shown)")

        #expect(try await run("dead-letters", "requeue", id, in: lab).code == 0)
        // It comes back with the same reason at another time, and so as another letter.
        try await orchestrator.deadLetter(body, for: .unknownMigration, count: 2)
        let again = try await run("dead-letters", "--quiet", in: lab).output.split(separator: "\n").map(String.init)
        #expect(again.count == 1 && again != [id], "\(again)")
        #expect(try await run("dead-letters", "drop", "--all", "--yes", in: lab).code == 0)
        #expect(try await run("dead-letters", "--quiet", in: lab).output.isEmpty)
      }
    }
  }
}
