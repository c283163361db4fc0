internal import AMQP
internal import Libvirt
internal import ServiceLifecycle

/// Counts the connections that are made again, and notes whether libvirt is there.
struct LinkWatch: Service, CustomStringConvertible {
  let description = "the watch over the connections"

  let connections: [(name: String, connection: AMQPConnection)]
  let libvirt: LibvirtLink
  let health: AgentHealth
  let metrics: AgentMetrics

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withTaskGroup(of: Void.self) { group in
        for (name, connection) in connections { group.addTask { await watch(connection, name) } }
        group.addTask { await watchLibvirt() }
      }
    }
  }

  private func watch(_ connection: AMQPConnection, _ name: String) async {
    var wasConnected = false
    for await state in connection.states {
      guard case .connected = state else { continue }
      if wasConnected { metrics.reconnected(name) }
      wasConnected = true
    }
  }

  private func watchLibvirt() async {
    var wasConnected = false
    for await state in await libvirt.states() {
      switch state {
      case .connected:
        health.libvirt(away: nil)
        if wasConnected { metrics.reconnectedToLibvirt() }
        wasConnected = true
      case .disconnected(let error): health.libvirt(away: "\(error)")
      case .idle: health.libvirt(away: "no connection to libvirt yet")
      }
    }
  }
}
