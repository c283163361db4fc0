/// All commands.
enum CommandTable {
  /// The commands, by their names.
  static let all: [CommandSpec] = [
    CommandSpec(
      "listApis", "lists all available apis on the server", [.optional("name", .string, "API name")], isPaged: true, answers: .api),
    CommandSpec(
      "listCapabilities", "Lists capabilities", answers: .capability),
    CommandSpec(
      "listZones", "Lists zones",
      [.optional("id", .uuid, "the ID of the zone"), .optional("name", .string, "the name of the zone")], isPaged: true, answers: .zone),
    CommandSpec(
      "listHosts", "Lists hosts.",
      [
        .optional("id", .uuid, "the id of the host"), .optional("name", .string, "the name of the host"),
        .optional("type", .string, "the host type; all are Routing"), .optional("state", .string, "the state of the host: Up or Down"),
        .optional("resourcestate", .string, "Enabled or Maintenance"),
        .optional("zoneid", .uuid, "the Zone ID of the host", related: "listZones"), .optional("podid", .uuid, "the Pod ID of the host"),
        .optional("clusterid", .uuid, "the cluster of the host"), .optional("hypervisor", .string, "hypervisor type of the host: KVM"),
        .optional("virtualmachineid", .uuid, "the hosts that a guest may move to", related: "listVirtualMachines"),
        .optional("details", .list, "taken and without effect"),
      ], isPaged: true, answers: .host),
    CommandSpec(
      "listVirtualMachines", "List the Instances owned by the account.",
      [
        .optional("id", .uuid, "the ID of the Instance"), .optional("ids", .list, "the IDs of the Instances, with commas"),
        .optional("name", .string, "a part of the name of the Instance"),
        .optional("state", .string, "state of the Instance: Running, Stopped, Migrating, present"),
        .optional("hostid", .uuid, "the host ID", related: "listHosts"),
        .optional("storageid", .uuid, "the storage ID where Instance's volumes belong to", related: "listStoragePools"),
        .optional("zoneid", .uuid, "the availability zone ID", related: "listZones"), .optional("podid", .uuid, "the pod ID"),
        .optional("clusterid", .uuid, "the cluster ID"), .optional("hypervisor", .string, "the target hypervisor: KVM"),
        .optional("details", .list, "taken and without effect"), .optional("isrecursive", .boolean, "taken and without effect"),
      ], isPaged: true, answers: .virtualMachine),
    CommandSpec(
      "listVolumes", "Lists all volumes.",
      [
        .optional("id", .uuid, "the ID of the disk volume"), .optional("ids", .list, "the IDs of the volumes, with commas"),
        .optional("name", .string, "the name of the disk volume"),
        .optional("virtualmachineid", .uuid, "the ID of the Instance", related: "listVirtualMachines"),
        .optional("hostid", .uuid, "list volumes on specified host", related: "listHosts"),
        .optional("storageid", .uuid, "the ID of the storage pool", related: "listStoragePools"),
        .optional("type", .string, "the type of disk volume: ROOT or DATADISK"), .optional("state", .string, "Ready or Migrating"),
        .optional("zoneid", .uuid, "the ID of the availability zone", related: "listZones"), .optional("podid", .uuid, "the pod id"),
        .optional("clusterid", .uuid, "the cluster id"), .optional("isrecursive", .boolean, "taken and without effect"),
      ], isPaged: true, answers: .volume),
    CommandSpec(
      "listStoragePools", "Lists storage pools.",
      [
        .optional("id", .uuid, "the ID of the storage pool"), .optional("name", .string, "the name of the storage pool"),
        .optional("hostid", .uuid, "host ID of the storage pools", related: "listHosts"),
        .optional("zoneid", .uuid, "the Zone ID for the storage pool", related: "listZones"), .optional("podid", .uuid, "the Pod ID"),
        .optional("clusterid", .uuid, "the cluster"), .optional("scope", .string, "the scope of the storage pool: CLUSTER or HOST"),
        .optional("path", .string, "the storage pool path"), .optional("ipaddress", .string, "the IP address for the storage pool"),
        .optional("status", .string, "the status of the storage pool"),
      ], isPaged: true, answers: .storagePool),
    CommandSpec(
      "findHostsForMigration", "Find hosts suitable for migrating an Instance.",
      [.required("virtualmachineid", .uuid, "find hosts to which this Instance can be migrated", related: "listVirtualMachines")],
      isPaged: true, answers: .hostForMigration),
    CommandSpec(
      "findStoragePoolsForMigration", "Lists storage pools available for migration of a volume.",
      [.required("id", .uuid, "the ID of the volume", related: "listVolumes")], isPaged: true, answers: .storagePoolForMigration),
    CommandSpec(
      "migrateVirtualMachineWithVolume",
      "Attempts Migration of an Instance with its volumes to a different host and pools; progress is in jobprocstatus, in percent",
      isAsync: true, role: .migrate,
      [
        .required("virtualmachineid", .uuid, "the ID of the Instance", related: "listVirtualMachines"),
        .optional("hostid", .uuid, "Destination Host ID to migrate Instance to.", related: "listHosts"),
        .optional(
          "migrateto", .map,
          "Storage to pool mapping: migrateto[0].volume=<id>&migrateto[0].pool=<id>. Other volumes stay where both hosts see their pool, or go to a pool of the same name or the one with the most room"
        ),
        .optional("autoselect", .boolean, "Automatically select a destination host for a running Instance, if hostid is not specified"),
      ], answers: .virtualMachine),
    CommandSpec(
      "migrateVirtualMachine", "Attempts Migration of an Instance whose volumes stay where they are to a different host",
      isAsync: true, role: .migrate,
      [
        .required("virtualmachineid", .uuid, "the ID of the Instance", related: "listVirtualMachines"),
        .optional("hostid", .uuid, "Destination Host ID to migrate Instance to.", related: "listHosts"),
        .optional("storageid", .uuid, "not offered: Instances that do not run are not moved", related: "listStoragePools"),
        .optional("autoselect", .boolean, "Automatically select a destination host, if hostid is not specified; true if left out"),
      ], answers: .virtualMachine),
    CommandSpec(
      "migrateVolume", "Refused: volumes move together with the Instance that uses them (migrateVirtualMachineWithVolume)",
      isAsync: true, role: .migrate,
      [
        .required("volumeid", .uuid, "the ID of the volume", related: "listVolumes"),
        .required("storageid", .uuid, "destination storage pool ID to migrate the volume to", related: "listStoragePools"),
        .optional("livemigrate", .boolean, "if the volume should be live migrated when it is attached to a running Instance"),
        .optional("newdiskofferingid", .uuid, "not offered"),
      ], answers: .volume),
    CommandSpec(
      "queryAsyncJobResult", "Retrieves the current status of asynchronous job.",
      [
        .optional("jobid", .uuid, "the ID of the asynchronous job", related: "listAsyncJobs"),
        .optional("resourceid", .uuid, "the ID of the resource associated with the job"),
        .optional("resourcetype", .string, "the type of the resource associated with the job: VirtualMachine"),
      ], answers: .job),
    CommandSpec(
      "listAsyncJobs", "Lists all pending asynchronous jobs.",
      [
        .optional("startdate", .date, "the start date of the async job"),
        .optional("resourceid", .uuid, "the ID of the resource associated with the job"),
        .optional("resourcetype", .string, "the type of the resource associated with the job"),
        .optional("isrecursive", .boolean, "taken and without effect"),
      ], isPaged: true, answers: .jobs),
    CommandSpec(
      "cancelAsyncJob", "Cancels a migration that has not switched yet; the Instance stays where it is. CloudStack has no such command",
      role: .migrate, [.required("jobid", .uuid, "the ID of the asynchronous job", related: "listAsyncJobs")], answers: .success),
    CommandSpec(
      "listConfigurations", "Lists all configurations.",
      [
        .optional("name", .string, "a part of the configuration's name"), .optional("category", .string, "configuration category"),
        .optional("group", .string, "taken and without effect"), .optional("subgroup", .string, "taken and without effect"),
        .optional("zoneid", .uuid, "not offered: all are global"), .optional("clusterid", .uuid, "not offered: all are global"),
        .optional("storageid", .uuid, "not offered: all are global"), .optional("accountid", .uuid, "not offered: all are global"),
        .optional("domainid", .uuid, "not offered: all are global"), .optional("imagestoreuuid", .uuid, "not offered: all are global"),
      ], isPaged: true, answers: .configuration),
    CommandSpec(
      "updateConfiguration", "Updates a configuration: kvm.storage.online.migration.wait, for good, at all hosts", role: .admin,
      [
        .required("name", .string, "the name of the configuration"), .optional("value", .string, "the value of the configuration"),
        .optional("zoneid", .uuid, "not offered: all are global"), .optional("clusterid", .uuid, "not offered: all are global"),
        .optional("storageid", .uuid, "not offered: all are global"), .optional("accountid", .uuid, "not offered: all are global"),
        .optional("domainid", .uuid, "not offered: all are global"), .optional("imagestoreuuid", .uuid, "not offered: all are global"),
      ], answers: .configuration),
    CommandSpec(
      "listEvents", "A command to list events.",
      [
        .optional("id", .uuid, "the ID of the event"), .optional("type", .string, "the event type: VM.MIGRATE"),
        .optional("level", .string, "the event level: INFO, WARN or ERROR"),
        .optional("state", .string, "the state of the events: Scheduled, Started or Completed"),
        .optional("startdate", .date, "events since a time"), .optional("enddate", .date, "events until a time"),
        .optional("resourceid", .uuid, "the ID of the Instance"), .optional("resourcetype", .string, "VirtualMachine"),
        .optional("startid", .uuid, "not offered"), .optional("archived", .boolean, "taken and without effect"),
        .optional("isrecursive", .boolean, "taken and without effect"),
      ], isPaged: true, answers: .event),
    CommandSpec(
      "getUser", "Find user account by API key", [.required("userapikey", .string, "API key of the user")], answers: .user),
  ].sorted { $0.name < $1.name }

  /// The commands, by name.
  static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
}
