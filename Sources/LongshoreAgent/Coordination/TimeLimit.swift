/// Does work, or does not wait for it any longer; then it goes on alone, and nil is returned.
func withLimit<Value: Sendable>(
  milliseconds: Int64, _ clock: any HostClock, _ work: @escaping @Sendable () async -> Value
) async -> Value? {
  let (results, found) = AsyncStream<Value>.makeStream()
  Task {
    found.yield(await work())
    found.finish()
  }
  let limit = Task {
    try await clock.wait(milliseconds: milliseconds)
    found.finish()
  }
  defer { limit.cancel() }
  for await result in results { return result }
  return nil
}
