public import LongshoreMessages

extension OrchestratorLink {
  /// All that a host has, in as many questions as it takes: a host with more guests than one message has room for is asked again for the
  /// rest. What is not of guests is of the first answer; a guest that comes or goes between two answers is told or not.
  ///
  /// - Parameters:
  ///   - guest: Name or UUID of the one guest to tell; nil for all.
  ///   - time: How long to wait for each answer.
  ///   - request: Makes a request of a question, with an id of its own each time.
  /// - Returns: The last reply; and the inventory, nil where that reply is none.
  /// - Throws: ``LinkError``, as ``ask(_:of:within:)``.
  public func inventory(
    of host: HostAddress, guest: ResourceName? = nil, within time: Duration, _ request: (InventoryQuestion) -> Request
  ) async throws(LinkError) -> (reply: Reply, inventory: HostInventory?) {
    var question = InventoryQuestion(guest: guest)
    var all: HostInventory?
    while true {
      let reply = try await ask(request(question), of: host, within: time)
      guard case .inventory(let part) = reply.body else { return (reply, nil) }
      var told = all ?? part
      if all != nil { told.guests += part.guests }
      told.next = nil
      // A host that names no guest further on would be asked for ever.
      guard let next = part.next, next.text > question.after?.text ?? "" else { return (reply, told) }
      all = told
      question.after = next
    }
  }
}
