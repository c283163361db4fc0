package import AMQP
package import LongshoreMessages

/// What an agent declares at the broker: types, durability and single active consumer, nothing that a policy could want to change.
package enum AgentTopology {
  /// The exchanges, the shared queues, and a host's inbox bound to both exchanges that it reads.
  package static func topology(of host: HostAddress) -> Topology {
    Topology(
      exchanges: [
        Exchange(Wire.requests, kind: .topic), Exchange(Wire.peers, kind: .topic), Exchange(Wire.replies, kind: .topic),
        Exchange(Wire.events, kind: .topic), Exchange(Wire.progress, kind: .topic), Exchange(Wire.deadLetters, kind: .fanout),
      ],
      queues: [
        Queue(host.inbox, kind: .quorum, singleActiveConsumer: true), Queue(Wire.history, kind: .stream),
        Queue(Wire.deadLetters, kind: .quorum),
      ],
      bindings: [
        Binding(.queue(host.inbox), to: Wire.requests, routingKey: host.routingKey),
        // To all hosts of the cluster: questions, which any host may answer.
        Binding(.queue(host.inbox), to: Wire.requests, routingKey: host.cluster.text),
        Binding(.queue(host.inbox), to: Wire.peers, routingKey: host.routingKey),
        // To all hosts of the cluster: what each of them can take of a host that is drained.
        Binding(.queue(host.inbox), to: Wire.peers, routingKey: host.cluster.text),
        Binding(.queue(Wire.history), to: Wire.events, routingKey: "#"),
        Binding(.queue(Wire.deadLetters), to: Wire.deadLetters),
      ])
  }
}
