extension ObjectShape {
  static let api = ObjectShape(
    "api", [.string: "name description related since httprequesttype", .boolean: "isasync", .list: "params response"])
  static let capability = ObjectShape(
    "capability", [.string: "cloudstackversion", .boolean: "securitygroupsenabled dynamicrolesenabled", .integer: "apilimitinterval"])
  static let zone = ObjectShape(
    "zone", [.string: "id name networktype allocationstate type", .boolean: "securitygroupsenabled localstorageenabled", .list: "tags"])
  static let host = ObjectShape(
    "host",
    [
      .string: """
      id name type state resourcestate zoneid zonename podid podname clusterid clustername clustertype hypervisor hypervisorversion \
      version arch cpuallocated cpuallocatedpercentage cpuwithoverprovisioning memorywithoverprovisioning memoryallocatedpercentage \
      capabilities lastpinged
      """,
      .integer: "cpunumber cpusockets",
      .long: "cpuspeed cpuallocatedvalue memorytotal memoryallocated memoryallocatedbytes memoryused",
      .boolean: "hahost hasenoughcapacity islocalstorageactive ueficapability encryptionsupported", .map: "details",
    ])
  static let hostForMigration = host.with([.boolean: "suitableformigration requiresStorageMotion"])
  static let storagePool = ObjectShape(
    "storagepool",
    [
      .string: """
      id name zoneid zonename podid podname clusterid clustername ipaddress path type state scope hypervisor provider overprovisionfactor
      """,
      .long: "disksizetotal disksizeallocated disksizeused capacitybytes", .boolean: "managed istagarule",
      .map: "storagecapabilities details",
    ])
  static let storagePoolForMigration = storagePool.with([.boolean: "suitableformigration"])
  static let virtualMachine = ObjectShape(
    "virtualmachine",
    [
      .string: """
      id name displayname instancename account domain domainid domainpath userid username zoneid zonename hostid hostname hypervisor \
      state templateid templatename rootdevicetype vmtype arch pooltype jobid
      """,
      .integer: "cpunumber cpuspeed memory jobstatus", .long: "rootdeviceid",
      .boolean: "haenable displayvm passwordenabled isdynamicallyscalable deleteprotection hasannotations", .map: "details",
      .list: "nic securitygroup affinitygroup tags",
    ])
  static let volume = ObjectShape(
    "volume",
    [
      .string: """
      id name type virtualmachineid vmname vmdisplayname vmstate vmtype zoneid zonename storage storageid storagetype state path \
      provisioningtype hypervisor clusterid clustername podid podname templateid templatename templatedisplaytext account domain \
      domainid domainpath
      """,
      .long: "deviceid size physicalsize virtualsize",
      .boolean: "destroyed isextractable displayvolume quiescevm supportsstoragesnapshot deleteprotection", .list: "tags",
    ])
  static let job = ObjectShape(
    nil,
    [
      .string: "accountid account domainid domainpath userid cmd jobid jobresulttype jobinstancetype jobinstanceid created completed",
      .integer: "jobstatus jobprocstatus jobresultcode", .map: "jobresult",
    ])
  static let jobs = ObjectShape("asyncjobs", [:]).with(job)
  static let success = ObjectShape(nil, [.boolean: "success", .string: "displaytext"])
  static let configuration = ObjectShape(
    "configuration",
    [.string: "name value category component defaultvalue description displaytext group type scope", .boolean: "isdynamic"])
  static let event = ObjectShape(
    "event",
    [
      .string: """
      id type level description state username account domainid domain domainpath resourceid resourcetype resourcename parentid created
      """, .boolean: "archived",
    ])
  static let user = ObjectShape(
    "user",
    [.string: "id username firstname lastname state created account accountid domain domainid roletype rolename", .integer: "accounttype"])

  private func with(_ other: ObjectShape) -> ObjectShape {
    var shape = self
    shape.fields += other.fields
    return shape
  }
}
