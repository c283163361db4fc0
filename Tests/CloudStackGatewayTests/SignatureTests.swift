import Digests
import LongshoreMessages
import Testing

@testable import CloudStackGateway

@Suite("Signatures")
struct SignatureTests {
  /// A request, the text that is signed, and the signatures, as CloudStack's own rule has them.
  struct Vector: Sendable, CustomTestStringConvertible {
    var query: String
    var key: String
    var canonical: String
    var sha1: String
    var sha512: String?

    var testDescription: String { String(canonical.prefix(60)) }
  }

  static let vectors = [
    Vector(
      query: """
        command=migrateVirtualMachineWithVolume&response=json&apiKey=AK&virtualmachineid=11111111-1111-4111-8111-111111111111\
        &hostid=22222222-2222-4222-8222-222222222222&migrateto%5B0%5D.volume=33333333-3333-4333-8333-333333333333\
        &migrateto%5B0%5D.pool=44444444-4444-4444-8444-444444444444&signatureVersion=3&expires=2030-01-01T00%3A00%3A00%2B0000
        """,
      key: "SECRET",
      canonical: """
        apikey=ak&command=migratevirtualmachinewithvolume&expires=2030-01-01t00%3a00%3a00%2b0000\
        &hostid=22222222-2222-4222-8222-222222222222&migrateto[0].pool=44444444-4444-4444-8444-444444444444\
        &migrateto[0].volume=33333333-3333-4333-8333-333333333333&response=json&signatureversion=3\
        &virtualmachineid=11111111-1111-4111-8111-111111111111
        """,
      sha1: "VNGa59ePVIsr1B7bgaeMOWmYQcU=",
      sha512: "hp6tdlvPo0qXF8GpDp9RC3SXkhaYRtcjT7dDx73yORSaQCrY3jFQ88h3y+m8knJmB4Td/4waADOm9YKfoqUY5Q=="),
    Vector(
      query: "command=listVirtualMachines&keyword=a+b%2Bc*%C3%A9%2F&response=json&apiKey=AK", key: "SECRET",
      canonical: "apikey=ak&command=listvirtualmachines&keyword=a%20b%2bc*%c3%a9%2f&response=json",
      sha1: "qguKbOlh/5izv3M7KNEPjODNC2k="),
    Vector(
      query: """
        command=listUsers&response=json\
        &apiKey=plgWJfZK4gyS3mOMTVmjUVg-X-jlWlnfaUJ9GAbBbf9EdM-kAYMmAILqzzq1ElZLYq_u38zCm0bewzGUdP66mg
        """,
      key: "VDaACYb0LV9eNjTetIOElcVQkvJck_J_QljX_FcHRj87ZKiy0z0ty0ZsYBkoXkY9b7eq1EhwJaw7FF3akA3KBQ",
      canonical: """
        apikey=plgwjfzk4gys3momtvmjuvg-x-jlwlnfauj9gabbbf9edm-kaymmailqzzq1elzlyq_u38zcm0bewzgudp66mg&command=listusers&response=json
        """,
      sha1: "TTpdDq/7j/J58XCRHomKoQXEQds="),
  ]

  @Test("are those of CloudStack's rule", arguments: vectors)
  func published(vector: Vector) throws {
    let request = CanonicalRequest(try Parameters(query: vector.query))
    #expect(request.text() == vector.canonical)
    let secret = Array(vector.key.utf8)
    #expect(request.isSigned(by: vector.sha1, secret: secret))
    #expect(!request.isSigned(by: vector.sha1, secret: secret, hashes: [.sha512]))
    if let sha512 = vector.sha512 { #expect(request.isSigned(by: sha512, secret: secret, hashes: [.sha512])) }
    #expect(!request.isSigned(by: vector.sha1, secret: secret + [1]))
  }

  /// A name whose place depends on whether capitals go before small letters, and a value with a tilde.
  private static let query = "command=listHosts&response=json&apiKey=AK&aZone=x~y&Bzone=1&azone2=2"

  @Test("are taken over each of the texts that clients sign", arguments: CanonicalRequest.Form.allCases, HMAC.Hash.allCases)
  func forms(form: CanonicalRequest.Form, hash: HMAC.Hash) throws {
    let request = CanonicalRequest(try Parameters(query: Self.query))
    #expect(request.texts.count == 4)
    let code = HMAC.code(of: request.text(form).utf8, key: Array("SECRET".utf8), hash)
    #expect(request.isSigned(by: Base64.text(code), secret: Array("SECRET".utf8)))
  }

  @Test("do not cover the signature itself, whatever its case")
  func ownParameter() throws {
    let plain = CanonicalRequest(try Parameters(query: Self.query))
    let signed = CanonicalRequest(try Parameters(query: Self.query + "&SIGNATURE=x"))
    #expect(plain.texts == signed.texts)
  }

  /// Requests that differ in what they ask, some of them made to have the same text where names or values were not told apart.
  static let others = [
    "command=listHosts&response=json&apiKey=AK&aZone=x~y&Bzone=1&azone2=3",
    "command=listHosts&response=json&apiKey=AK&aZone=x~y&Bzone=1",
    "command=listHosts&response=json&apiKey=AK&aZone=x~y&Bzone=1&azone2=2&more=1",
    "command=listHosts&response=json&apiKey=AK&aZone=x~y%26Bzone%3D1&azone2=2",
    "command=listHosts&response=json&apiKey=AK&aZone=x%257Ey&Bzone=1&azone2=2",
    "command=listHosts&response=json&apiKey=AK&aZone=x%257ey&Bzone=1&azone2=2",
    "command=listHosts&response=json&apiKey=AK&Bzone=x~y&aZone=1&azone2=2",
    "command=listHosts&response=json&apiKey=AKaZone=x~y&Bzone=1&azone2=2",
    "command=listhostsresponse=json&apiKey=AK&aZone=x~y&Bzone=1&azone2=2",
    "command=listHosts&response=json&apiKey=AK&aZone=x%20y&Bzone=1&azone2=2",
    "command=listHosts&response=json&apiKey=AK&aZone=x%2By&Bzone=1&azone2=2",
  ]

  @Test("of one request validate no other, whichever text was signed", arguments: CanonicalRequest.Form.allCases, others)
  func bindToTheirRequest(form: CanonicalRequest.Form, other: String) throws {
    let secret = Array("SECRET".utf8)
    let request = CanonicalRequest(try Parameters(query: Self.query))
    let another = CanonicalRequest(try Parameters(query: other))
    for hash in HMAC.Hash.allCases {
      #expect(!another.isSigned(by: Base64.text(HMAC.code(of: request.text(form).utf8, key: secret, hash)), secret: secret))
      #expect(!request.isSigned(by: Base64.text(HMAC.code(of: another.text(form).utf8, key: secret, hash)), secret: secret))
    }
    #expect(request.texts.isDisjoint(with: another.texts))
  }

  @Test(
    "that are none are refused",
    arguments: [
      "", "x", "VNGa59ePVIsr1B7bgaeMOWmYQcU", "====", "AAAA", String(repeating: "A", count: 200), "é", "VNGa59ePVIsr1B7bgaeMOWmYQc0=",
    ])
  func broken(signature: String) throws {
    #expect(!CanonicalRequest(try Parameters(query: Self.vectors[0].query)).isSigned(by: signature, secret: Array("SECRET".utf8)))
  }
}

@Suite("Whose a request is")
struct VerifierTests {
  private static let now = Timestamp(milliseconds: 1_800_000_000_000)
  private static let key = AccessKey(
    key: "AK", secret: Secret("0123456789abcdef0123456789abcdef"), name: "ansible", role: .migrate, guests: nil)

  private func caller(_ query: String, _ rules: Verifier.Rules = Verifier.Rules(), _ hash: HMAC.Hash = .sha1) throws -> Verifier.Caller {
    let query = Sample.signed(query, Self.key, hash)
    return try Verifier(keys: ["AK": Self.key], rules: rules).caller(of: try Parameters(query: query), at: Self.now)
  }

  private static func expiring(_ milliseconds: Int64) -> String {
    let time = CloudStackTime.text(now.adding(milliseconds: milliseconds)).replacing("+", with: "%2B").replacing(":", with: "%3A")
    return "command=listHosts&apiKey=AK&signatureVersion=3&expires=\(time)"
  }

  @Test("is the key's that it names and is signed with")
  func rightKey() throws {
    #expect(try caller("command=listHosts&apiKey=AK").key.name == "ansible")
    #expect(try caller("command=listHosts&APIKEY=AK").requestID == nil)
  }

  @Test(
    "is nobody's without a key, with an unknown one, or with another signature",
    arguments: ["command=listHosts", "command=listHosts&apiKey=other", "command=listHosts&apiKey=ak"])
  func nobody(query: String) {
    #expect(throws: APIError.unverified) { try caller(query) }
  }

  @Test("is nobody's once a parameter is changed")
  func changed() throws {
    let signed = Sample.signed("command=listHosts&apiKey=AK", Self.key)
    let verifier = Verifier(keys: ["AK": Self.key], rules: Verifier.Rules())
    #expect(throws: APIError.unverified) {
      try verifier.caller(of: try Parameters(query: signed.replacing("listHosts", with: "listZones")), at: Self.now)
    }
    #expect(throws: APIError.unverified) { try verifier.caller(of: try Parameters(query: signed + "&id=1"), at: Self.now) }
  }

  @Test("is no more than its time of expiry says")
  func expiry() throws {
    #expect(try caller(Self.expiring(1000)).requestID != nil)
    #expect(throws: APIError.self) { try caller(Self.expiring(-1000)) }
    #expect(throws: APIError.self) { try caller("command=listHosts&apiKey=AK&signatureVersion=3") }
    #expect(throws: APIError.self) { try caller("command=listHosts&apiKey=AK&signatureVersion=3&expires=tomorrow") }
    #expect(throws: APIError.self) { try caller("command=listHosts&apiKey=AK&SIGNATUREVERSION=3&expires=2001-01-01T00%3A00%3A00Z") }
    // Without version 3 it says nothing.
    #expect(try caller("command=listHosts&apiKey=AK&expires=2001-01-01T00%3A00%3A00Z").requestID == nil)
  }

  @Test("can be required to expire soon, and to be signed with SHA-512")
  func rules() throws {
    let rules = Verifier.Rules(acceptsSHA1: false, longestExpiry: 900)
    #expect(try caller(Self.expiring(900_000), rules, .sha512).requestID != nil)
    #expect(throws: APIError.self) { try caller(Self.expiring(902_000), rules, .sha512) }
    #expect(throws: APIError.self) { try caller("command=listHosts&apiKey=AK", rules, .sha512) }
    #expect(throws: APIError.unverified) { try caller(Self.expiring(1000), rules, .sha1) }
  }

  @Test("has one id for the same request, and another for another")
  func requestIDs() throws {
    let first = try caller(Self.expiring(1000)).requestID
    #expect(try caller(Self.expiring(1000)).requestID == first)
    #expect(try caller(Self.expiring(1000), Verifier.Rules(), .sha512).requestID == first)
    #expect(try caller(Self.expiring(2000)).requestID != first)
    #expect(StableID.isUUID(first ?? ""))
  }
}
