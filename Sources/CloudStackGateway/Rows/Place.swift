import LongshoreMessages

/// The names and ids of what CloudStack has and a cluster of Longshore has one of: a zone with a pod with a cluster, a domain with an
/// account.
struct Place: Sendable, Hashable {
  /// The cluster.
  let cluster: NodeName
  let zoneID: String
  let podID: String
  let clusterID: String

  static let account = "admin"
  static let domain = "ROOT"
  static let accountID = StableID.make("account", account)
  static let domainID = StableID.make("domain", domain)

  /// The place that a cluster is.
  init(_ cluster: NodeName) {
    self.cluster = cluster
    zoneID = StableID.make("zone", cluster.text)
    podID = StableID.make("pod", cluster.text)
    clusterID = StableID.make("cluster", cluster.text)
  }

  /// Adds the fields that say where a thing is.
  func add(to object: inout ResponseObject, isInPod: Bool = true) {
    object.add("zoneid", zoneID)
    object.add("zonename", cluster.text)
    guard isInPod else { return }
    object.add("podid", podID)
    object.add("podname", cluster.text)
    object.add("clusterid", clusterID)
    object.add("clustername", cluster.text)
  }

  /// Whether the ids of a request are of this place.
  func holds(_ arguments: Arguments) throws(APIError) {
    for (name, id) in [("zoneid", zoneID), ("podid", podID), ("clusterid", clusterID)] {
      if let value = arguments.text(name), value.lowercased() != id { throw arguments.invalid(name) }
    }
  }

  /// Adds the fields that say whose a thing is.
  static func addOwner(to object: inout ResponseObject) {
    object.add("account", account)
    object.add("domainid", domainID)
    object.add("domain", domain)
    object.add("domainpath", domain)
  }

  /// The row of the zone.
  var zone: ResponseObject {
    var row = ResponseObject()
    row.add("id", zoneID)
    row.add("name", cluster.text)
    row.add("networktype", "Advanced")
    row.add("securitygroupsenabled", false)
    row.add("localstorageenabled", true)
    row.add("allocationstate", "Enabled")
    row.add("type", "Core")
    row.add("tags", [ResponseValue]())
    return row
  }
}
