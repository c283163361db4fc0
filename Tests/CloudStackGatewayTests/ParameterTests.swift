import LongshoreMessages
import Testing

@testable import CloudStackGateway

@Suite("Parameters")
struct ParameterTests {
  private func code(_ query: String?, form: String? = nil) -> APIError.Code? {
    do throws(APIError) {
      _ = try Parameters(query: query, form: form)
      return nil
    } catch {
      return error.code
    }
  }

  @Test("are those of the query and of the form, in any case")
  func merged() throws {
    let parameters = try Parameters(query: "command=listHosts&Name=a%20b", form: "response=json&x=%C3%A9+%2B&empty=&flag")
    #expect(parameters["command"] == "listHosts")
    #expect(parameters["name"] == "a b")
    #expect(parameters["x"] == "é +")
    #expect(parameters["empty"] == "")
    #expect(parameters["flag"] == "")
    #expect(parameters["other"] == nil)
    #expect(parameters.pairs.map(\.name) == ["command", "Name", "response", "x", "empty", "flag"])
  }

  @Test(
    "that are given twice, in any case, in either place, are refused",
    arguments: [("a=1&a=2", nil), ("a=1&A=1", nil), ("a=1", "a=1"), ("a%5B0%5D.b=1&a[0].b=1", nil)] as [(String, String?)])
  func duplicates(query: String, form: String?) {
    #expect(code(query, form: form) == .malformedParameter)
  }

  @Test(
    "that are not well-formed are refused",
    arguments: [
      "a=%", "a=%4", "a=%zz", "a=%ff", "=1", "a%26b=1", "a%3Db=1", "a b=1", "%C3%A9=1", String(repeating: "a", count: 256) + "=1",
    ])
  func malformed(query: String) { #expect(code(query) == .malformedParameter) }

  @Test("with control characters are refused with 431", arguments: ["a=%00", "a=%0a", "a=x%1f", "a=%7f"])
  func controls(query: String) { #expect(code(query) == .parameter) }

  @Test("are limited in number and length")
  func limits() {
    #expect(code((0..<Parameters.most).map { "a\($0)=1" }.joined(separator: "&")) == nil)
    #expect(code((0...Parameters.most).map { "a\($0)=1" }.joined(separator: "&")) == .malformedParameter)
    #expect(code("a=" + String(repeating: "x", count: Parameters.longest)) == .malformedParameter)
  }

  @Test("with brackets are objects, by the number between them")
  func objects() throws {
    let parameters = try Parameters(
      query: "MigrateTo%5B7%5D.pool=p7&migrateto[0].volume=v0&migrateto[0].pool=p0&migrateto[7].volume=v7&other[0].x=1")
    #expect(
      try MapParameter.objects("migrateto", in: parameters) == [["volume": "v0", "pool": "p0"], ["volume": "v7", "pool": "p7"]])
    #expect(try MapParameter.objects("nothing", in: parameters).isEmpty)
  }

  @Test(
    "with other brackets are refused with 430",
    arguments: [
      "migrateto[0.volume", "migrateto0].volume", "migrateto[[0]].volume", "migrateto[0]].volume", "migrateto[a].volume",
      "migrateto[].volume", "migrateto[0]", "migrateto[0].", "migrateto[0]volume", "migrateto.x[0].volume", "[0].volume",
      "migrateto]0[.volume", "migrateto[-1].volume", "migrateto[0.5].volume", "migrateto[99999999999].volume",
    ])
  func brackets(name: String) throws {
    do throws(APIError) {
      _ = try MapParameter.objects("migrateto", in: try Parameters(query: "\(name)=1"))
      Issue.record("it is taken")
    } catch {
      #expect(error.code == .malformedParameter)
      #expect(
        error.text.hasPrefix("Unable to decode parameter \(name); if specifying an object array, please use parameter[index].field=XXX"))
    }
  }

  private func arguments(_ command: String, _ query: String) throws(APIError) -> Arguments {
    guard let spec = CommandTable.byName[command] else { throw .unsupported(command) }
    return try Arguments(spec, try Parameters(query: query))
  }

  @Test("that a command needs are asked for by name")
  func missing() {
    #expect(throws: APIError.missing("virtualmachineid", of: "migrateVirtualMachineWithVolume")) {
      try arguments("migrateVirtualMachineWithVolume", "hostid=1")
    }
    #expect(throws: APIError.missing("virtualmachineid", of: "findHostsForMigration")) {
      try arguments("findHostsForMigration", "virtualmachineid=")
    }
  }

  @Test("that a command does not have are ignored")
  func unknown() throws { #expect(try arguments("listHosts", "whatever=1&_=2").text("name") == nil) }

  @Test(
    "of the wrong kind are refused",
    arguments: [
      ("listHosts", "pagesize=many"), ("listHosts", "page=1e3&pagesize=1"), ("listEvents", "startdate=yesterday"),
      ("listHosts", "id=\(String(repeating: "a", count: 65))"), ("listHosts", "a[0]=1"),
    ])
  func kinds(command: String, query: String) { #expect(throws: APIError.self) { try arguments(command, query) } }

  @Test("are true only where Java says so")
  func flags() throws {
    let read = try arguments("migrateVirtualMachine", "virtualmachineid=1&autoselect=TRUE")
    #expect(read.flag("autoselect") == true)
    #expect(try arguments("migrateVirtualMachine", "virtualmachineid=1&autoselect=yes").flag("autoselect") == false)
    #expect(try arguments("migrateVirtualMachine", "virtualmachineid=1").flag("autoselect") == nil)
  }

  @Test("of a page choose it, and the count is of all")
  func pages() throws {
    let all = (1...7).map { number in
      var object = ResponseObject()
      object.add("id", String(number))
      return object
    }
    func ids(_ query: String) throws -> [String] {
      let answer = try arguments("listHosts", query).answer(all)
      guard case .list(let rows)? = answer.content["host"] else { return [] }
      #expect(answer.content["count"] == .integer(7))
      return rows.compactMap { if case .object(let row) = $0, case .text(let id)? = row["id"] { id } else { nil } }
    }
    #expect(try ids("").count == 7)
    #expect(try ids("page=2&pagesize=3") == ["4", "5", "6"])
    #expect(try ids("page=3&pagesize=3") == ["7"])
    #expect(try ids("pagesize=-1").count == 7)
    // What is beyond the end is empty, without a count: that is how clients see that it was the last.
    #expect(try arguments("listHosts", "page=4&pagesize=3").answer(all).content.fields.isEmpty)
    #expect(try arguments("listHosts", "page=2147483647&pagesize=500").answer(all).content.fields.isEmpty)
    for query in ["page=1", "pagesize=0", "pagesize=501", "pagesize=-1&page=1", "page=0&pagesize=1", "page=-1&pagesize=1"] {
      #expect(throws: APIError.self, "\(query)") { try arguments("listHosts", query).answer(all) }
    }
  }
}

@Suite("CloudStack's times")
struct CloudStackTimeTests {
  @Test("are read in all the forms that clients send")
  func expiry() {
    let time = Timestamp("2030-01-01T00:00:00Z")
    for text in [
      "2030-01-01T00:00:00+0000", "2030-01-01T00:00:00+00:00", "2030-01-01T00:00:00Z", "2030-01-01T00:00:00.000000Z",
      "2030-01-01T01:30:00+0130", "2029-12-31T19:00:00-0500", "2030-01-01T00:00:00.000000+0000",
    ] { #expect(CloudStackTime.time(text) == time, "\(text)") }
    for text in ["", "2030-01-01", "2030-01-01T00:00:00", "2030-01-01T00:00:00+00", "now", "2030-13-01T00:00:00Z", "+0000"] {
      #expect(CloudStackTime.time(text) == nil, "\(text)")
    }
  }

  @Test("are read as dates, and written in UTC")
  func dates() {
    #expect(CloudStackTime.date("2030-01-01") == Timestamp("2030-01-01T00:00:00Z"))
    #expect(CloudStackTime.date("2030-01-01 12:30:00") == Timestamp("2030-01-01T12:30:00Z"))
    #expect(CloudStackTime.date("2030-01-01T12:30:00+0100") == Timestamp("2030-01-01T11:30:00Z"))
    #expect(CloudStackTime.date("January") == nil)
    #expect(Timestamp("2026-07-24T23:30:19.9Z").map(CloudStackTime.text) == "2026-07-24T23:30:19+0000")
    #expect(Timestamp("2026-07-24T23:30:19Z").map(CloudStackTime.busText) == "2026-07-24 23:30:19 +0000")
  }
}
