import LongshoreMessages
import Testing

extension MigrationTests {
  /// What a guest takes of its host beside disks, and who may order what.
  @Suite(.serialized) struct Needs {
    /// What the guest takes, made on a host where it is to be there. `$address` is on no other host.
    private static let provisions = """
      name=$1 uuid=$2 address=198.18.200.1
      make_bridge() { ip link add lab-bridge type bridge; ip link set lab-bridge mtu "$1" up; }
      make_network() {
        virsh --quiet net-define /dev/stdin <<<"<network><name>lab-net</name><forward mode='bridge'/><bridge name='lab-bridge'/></network>"
        virsh --quiet net-start lab-net
      }
      make_rest() {
        mkdir -p /run/lab-serial /dev/hugepages
        mountpoint -q /dev/hugepages || mount -t hugetlbfs hugetlbfs /dev/hugepages
        ip address add "$address/32" dev lo
      }
      remove_all() {
        virsh --quiet net-destroy lab-net 2>/dev/null || true
        virsh --quiet net-undefine lab-net 2>/dev/null || true
        ip link delete lab-bridge 2>/dev/null || true
        ip address delete "$address/32" dev lo 2>/dev/null || true
        rm -rf /run/lab-serial
        umount /dev/hugepages 2>/dev/null || true
      }
      # The pages of 2 MiB that the guest has, so many times. Both hosts have them together.
      reserve() { echo "$((64 * $1))" >/proc/sys/vm/nr_hugepages; [[ $(</proc/sys/vm/nr_hugepages) == "$((64 * $1))" ]]; }

      """

    @Test("what the destination lacks of it is named, all at once, and the guest moves when it is there")
    func hostResources() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      func shell(_ host: Lab.Host, _ program: String, _ guest: Guest) async throws {
        try await lab.shell(on: host, Self.provisions + program, guest.name, guest.uuid)
      }
      let form = Guest.Form(options: ["--disks", "1", "--stopped"])
      try await Guest.with(form, in: lab) { guest in
        try await finally {
          try await shell(.alpha, "make_bridge 9000; make_network; make_rest; reserve 1", guest)
          // It looks for huge pages when it starts.
          try await restartLibvirt(on: .alpha, lab)
          try await shell(
            .alpha,
            #"""
            virsh --quiet dumpxml --inactive "$name" | sed \
              -e "s|<vcpu [^>]*>|<memoryBacking><hugepages/></memoryBacking><vcpu cpuset='0'>|" \
              -e "s|</devices>|<interface type='bridge'><source bridge='lab-bridge'/><mac address='52:54:00:ab:cd:01'/></interface>\
            <interface type='network'><source network='lab-net'/><mac address='52:54:00:ab:cd:02'/><mtu size='9000'/></interface>\
            <serial type='file'><source path='/run/lab-serial/out'/><target port='1'/></serial>\
            <graphics type='vnc' port='-1' listen='$address'/></devices>|" | virsh --quiet define /dev/stdin
            virsh --quiet start "$name"
            """#, guest)
          try await guest.waitForWrite(on: .alpha)

          try await Orchestrator.with(lab) { orchestrator in
            try await shell(.beta, "echo 1 >/run/online; mount --bind /run/online /sys/devices/system/cpu/online", guest)
            var refused = try await refusals(guest, orchestrator)
            try await shell(.beta, "umount /sys/devices/system/cpu/online; rm /run/online", guest)
            #expect(refused == [.missingResource, .missingResource, .noHugePages, .placementImpossible, .addressMissing, .missingResource])

            try await shell(.beta, "make_bridge 1500; make_network; make_rest; reserve 2", guest)
            try await restartLibvirt(on: .beta, lab)
            try await orchestrator.waitForLibvirt(on: .beta)
            try await shell(
              .beta,
              """
              virsh --quiet define /dev/stdin <<<"<domain type='qemu'><name>other</name><memory>16384</memory>\
              <os><type arch='x86_64' machine='pc'>hvm</type></os>\
              <devices><interface type='bridge'><source bridge='lab-bridge'/><mac address='52:54:00:AB:CD:01'/></interface></devices></domain>"
              """, guest)
            refused = try await refusals(guest, orchestrator)
            #expect(refused == [.mtuTooSmall, .mtuTooSmall, .macInUse])

            try await shell(.beta, "virsh --quiet undefine other; ip link set lab-bridge mtu 9000", guest)
            try await lab.restartAgent(on: .beta, with: ["LONGSHORED_INCOMING_ALLOWED": "false"])
            #expect(try await refusals(guest, orchestrator) == [.maintenance])
            try await lab.restartAgent(on: .beta)
            #expect(try await refusals(guest, orchestrator) == [])
            let id = try await orchestrator.migrate(guest, from: .alpha)
            #expect(try await orchestrator.end(of: id).kind == .completed)
            try await guest.waitForWrite(on: .beta)
          }
          try await guest.verify(.alpha, .beta).expectGood()
        } do: {
          for host in Lab.Host.allCases {
            try await shell(host, #"virsh --quiet destroy "$uuid" 2>/dev/null || true; remove_all; reserve 0"#, guest)
            try await restartLibvirt(on: host, lab)
          }
        }
      }
    }

    @Test("a guest with UEFI firmware and a TPM takes the firmware's variables and the TPM's state with it, and starts there again")
    func firmware() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      let variables = #"sha256sum <"$(virsh --quiet dumpxml "$1" | sed -n 's|.*<nvram.*>\(.*\)</nvram>.*|\1|p')""#
      try await Guest.with(Guest.Form(options: ["--disks", "1", "--memory", "256", "--stopped"]), in: lab) { guest in
        try await finally {
          let template = try await lab.shell(
            on: .alpha,
            #"""
            variables=/usr/share/OVMF/OVMF_VARS_4M.fd
            # The firmware starts a kernel that is packed.
            virsh --quiet dumpxml --inactive "$1" | sed -e "s|/kernel</kernel>|/vmlinuz</kernel>|" \
              -e "s|</os>|<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader><nvram template='$variables'/></os>|" \
              -e "s|</devices>|<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm></devices>|" |
              virsh --quiet define /dev/stdin >&2
            virsh --quiet start "$1" >&2
            sha256sum <"$variables"
            """#, guest.name)
          try await guest.waitForWrite(on: .alpha)
          let before = try await lab.shell(on: .alpha, variables, guest.name)
          #expect(before != template, "the firmware has written variables of its own")
          try await Orchestrator.with(lab) { orchestrator in
            let id = try await orchestrator.migrate(guest, from: .alpha)
            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .completed, "\(end)")
          }
          try await guest.waitForWrite(on: .beta)
          #expect(try await lab.shell(on: .beta, variables, guest.name) == before)
          let state = try await lab.shell(on: .beta, #"find "/var/lib/libvirt/swtpm/$1" -name '*.permall' -size +0"#, guest.uuid)
          #expect(!state.isEmpty)
          try await guest.verify(.alpha, .beta).expectGood()
          try await lab.shell(on: .beta, #"virsh --quiet destroy "$1"; virsh --quiet start "$1""#, guest.name)
          try await guest.waitForWrite(on: .beta)
          #expect(try await lab.shell(on: .beta, variables, guest.name) != template)
        } do: {
          for host in Lab.Host.allCases {
            try await lab.shell(
              on: host,
              #"virsh --quiet destroy "$1" 2>/dev/null || true; virsh --quiet undefine "$1" --nvram 2>/dev/null || true; rm -f "/var/lib/libvirt/qemu/nvram/$1"*"#,
              guest.name)
          }
        }
      }
    }

    /// Certificates that are wrong, each of them put where QEMU of a host looks for its own; `$1` is the folder of the lab's authority.
    private static let certificates = """
      authority=$1 host=$(hostname)
      sign() {
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$host" -keyout "$1-key.pem" -out request.pem
        openssl x509 -req -in request.pem -days "$2" -CA "$3.pem" -CAkey "$3.key" -out "$1-cert.pem" \
          -extfile <(printf 'subjectAltName=DNS:%s\\nextendedKeyUsage=serverAuth,clientAuth' "$host")
      }
      foreign() {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=foreign -keyout foreign.key -out foreign.pem
        sign "$1" 2 foreign
      }
      cp -a /etc/pki/qemu /run/lab-pki
      cd /etc/pki/qemu
      exec 2>/dev/null

      """

    @Test("with TLS, a wrong name, a certificate that has ended and a foreign one refuse before anything is made, on either side")
    func certificates() async throws {
      let lab = try await Lab.find()
      try #require(try lab.usesTLS, "the lab is one of contrib/lab/up --tls")
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await expectUnchanged(guest) {
            func expectRefusal(_ code: Reason.Code, by finder: Lab.Host, _ make: () async throws -> Void) async throws {
              try await finally {
                try await make()
                let end = try await orchestrator.end(of: orchestrator.migrate(guest, from: .alpha))
                #expect(end.kind == .failed && end.stage == .checks, "\(end)")
                #expect(end.reasons?.map(\.code) == [code], "\(end.reasons ?? [])")
                #expect(end.checks?.filter { $0.outcome == .refused }.map(\.host.text) == [finder.rawValue], "\(end)")
              } do: {
                for host in Lab.Host.allCases {
                  try await lab.shell(
                    on: host, "[[ ! -d /run/lab-pki ]] || { rm -rf /etc/pki/qemu; cp -a /run/lab-pki /etc/pki/qemu; rm -rf /run/lab-pki; }")
                }
              }
            }
            func put(_ program: String, on host: Lab.Host) async throws {
              try await lab.shell(on: host, Self.certificates + program, "\(lab.state)/tls")
            }
            try await lab.withLimits(["LONGSHORED_MIGRATION_TLS_NAME": "other.lab"], on: [.beta]) {
              try await expectRefusal(.tlsNameDiffers, by: .beta) {}
            }
            // A name of beta that is not in its certificate.
            try await lab.withLimits(["LONGSHORED_LIBVIRT_REACHABLE_AS": "qemu+tls://stranger/system"], on: [.beta]) {
              try await finally {
                try await expectRefusal(.libvirtUnreachable, by: .alpha) {
                  try await lab.shell(
                    on: .alpha, "sed -n 's/ beta$/ stranger/p' /etc/hosts >/run/lab-hosts; cat /run/lab-hosts >>/etc/hosts")
                }
              } do: {
                try await lab.shell(on: .alpha, "sed '/ stranger$/d' /etc/hosts >/run/lab-hosts; cat /run/lab-hosts >/etc/hosts")
              }
            }
            try await expectRefusal(.tlsNotTrusted, by: .alpha) { try await put("sign server -1 \"$authority/ca\"", on: .beta) }
            try await expectRefusal(.tlsNotTrusted, by: .alpha) { try await put("foreign server", on: .beta) }
            try await expectRefusal(.tlsNotTrusted, by: .beta) { try await put("foreign client", on: .alpha) }
            try await expectRefusal(.tlsNotTrusted, by: .beta) { try await put("rm client-cert.pem", on: .alpha) }
          }
        }
      }
    }

    @Test("templates go with TLS where one host has it, or not at all")
    func templateEncryption() async throws {
      let lab = try await Lab.find()
      try #require(try lab.usesTLS, "the lab is one of contrib/lab/up --tls")
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await finally {
            try await lab.shell(on: .alpha, "cd /etc/longshore; cp longshored.yaml all.yaml; sed -i '/^nbd:/,+1d' longshored.yaml")
            try await lab.restartAgent(on: .alpha)
            let plain = try await orchestrator.end(of: orchestrator.migrate(guest, from: .alpha))
            #expect(plain.kind == .failed && plain.stage == .prepare, "\(plain)")
            #expect(plain.reasons?.first?.message.contains("nbd.credentials") == true, "\(plain.reasons ?? [])")
          } do: {
            try await lab.shell(on: .alpha, "mv /etc/longshore/all.yaml /etc/longshore/longshored.yaml")
            try await lab.restartAgent(on: .alpha)
          }
          let end = try await orchestrator.end(of: orchestrator.migrate(guest, from: .alpha))
          #expect(end.kind == .completed, "\(end)")
          #expect(end.bytes.map { $0.template > 0 } == true, "\(end)")
        }
        try await guest.verify(.alpha, .beta).expectGood()
      }
    }

    @Test("a host obeys the users that it is told to, and answers everybody's questions")
    func users() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Orchestrator.with(lab) { orchestrator in
        func order(as user: String?) async throws -> [Reason.Code] {
          let order = MigrateCommand(
            guest: try #require(ResourceName("nobody")), destination: .init(host: try #require(NodeName("beta"))), dryRun: true)
          let reply = try await orchestrator.ask(Request(id: Orchestrator.newID(), command: .migrate(order)), of: .alpha, as: user)
          guard case .rejected(let reasons) = reply.body else { return [] }
          return reasons.map(\.code)
        }
        try await finally {
          try await lab.restartAgent(on: .alpha, with: ["LONGSHORED_REQUESTS_USERS": "operator"])
          #expect(try await order(as: nil) == [.notPermitted])
          #expect(try await order(as: "longshore") == [.notPermitted])
          let question = try await orchestrator.ask(Request(id: Orchestrator.newID(), command: .list(includeEnded: false)), of: .alpha)
          guard case .migrations = question.body else {
            Issue.record("\(question.body)")
            return
          }
          try await lab.restartAgent(on: .alpha, with: ["LONGSHORED_REQUESTS_USERS": "operator,longshore"])
          #expect(try await order(as: nil) == [.notPermitted])
          #expect(try await order(as: "longshore") == [.unknownGuest])
        } do: {
          try await lab.restartAgent(on: .alpha)
        }
      }
    }

    private func restartLibvirt(on host: Lab.Host, _ lab: Lab) async throws {
      try await lab.endLibvirt(on: host, with: "TERM")
      try await lab.startLibvirt(on: host)
    }

    /// The codes of what a dry run refuses, in the order of the table.
    private func refusals(_ guest: Guest, _ orchestrator: Orchestrator) async throws -> [Reason.Code] {
      var order = try orchestrator.order(guest, from: .alpha)
      order.dryRun = true
      let reply = try await orchestrator.ask(Request(id: Orchestrator.newID(), command: .migrate(order)), of: .alpha)
      guard case .checked(let checks, _, _) = reply.body else {
        Issue.record("\(reply.body)")
        return []
      }
      let refused = checks.filter { $0.outcome == .refused }
      #expect(refused.allSatisfy { $0.host.text == "beta" && $0.advice?.isEmpty == false })
      return refused.map(\.code)
    }
  }
}
