internal import CLibvirt

extension LibvirtError {
  /// What went wrong (`virErrorNumber`), open to codes that are not named here.
  public struct Code: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// There is no connection at the moment, and the call did not wait for one. This library's own code.
    public static let notConnected = Code(rawValue: -1)
    /// No thread could be started for the call. This library's own code.
    public static let noThread = Code(rawValue: -2)
    /// Something that libvirt has no code for.
    public static let internalError = Code(VIR_ERR_INTERNAL_ERROR)
    /// Memory allocation failure.
    public static let noMemory = Code(VIR_ERR_NO_MEMORY)
    /// This hypervisor's driver does not have the function.
    public static let noSupport = Code(VIR_ERR_NO_SUPPORT)
    /// Could not resolve hostname.
    public static let unknownHost = Code(VIR_ERR_UNKNOWN_HOST)
    /// Cannot connect to the hypervisor.
    public static let noConnection = Code(VIR_ERR_NO_CONNECT)
    /// The connection is not valid, or closed.
    public static let invalidConnection = Code(VIR_ERR_INVALID_CONN)
    /// Invalid domain object.
    public static let invalidDomain = Code(VIR_ERR_INVALID_DOMAIN)
    /// Invalid function argument.
    public static let invalidArgument = Code(VIR_ERR_INVALID_ARG)
    /// A command to the hypervisor failed.
    public static let operationFailed = Code(VIR_ERR_OPERATION_FAILED)
    /// An XML description is not well formed or broken.
    public static let xmlError = Code(VIR_ERR_XML_ERROR)
    /// The domain already exist.
    public static let domainExists = Code(VIR_ERR_DOM_EXIST)
    /// Forbidden on a read-only connection.
    public static let operationDenied = Code(VIR_ERR_OPERATION_DENIED)
    /// Detail of an XML error.
    public static let xmlDetail = Code(VIR_ERR_XML_DETAIL)
    /// A system call failed.
    public static let systemError = Code(VIR_ERR_SYSTEM_ERROR)
    /// The remote protocol failed.
    public static let rpc = Code(VIR_ERR_RPC)
    /// A TLS call failed.
    public static let tlsError = Code(VIR_ERR_GNUTLS_ERROR)
    /// There is no such domain.
    public static let noDomain = Code(VIR_ERR_NO_DOMAIN)
    /// Authentication failed.
    public static let authFailed = Code(VIR_ERR_AUTH_FAILED)
    /// Invalid storage pool object.
    public static let invalidStoragePool = Code(VIR_ERR_INVALID_STORAGE_POOL)
    /// Invalid storage vol object.
    public static let invalidStorageVolume = Code(VIR_ERR_INVALID_STORAGE_VOL)
    /// There is no such virtual network.
    public static let noNetwork = Code(VIR_ERR_NO_NETWORK)
    /// There is no such storage pool.
    public static let noStoragePool = Code(VIR_ERR_NO_STORAGE_POOL)
    /// There is no such storage volume.
    public static let noStorageVolume = Code(VIR_ERR_NO_STORAGE_VOL)
    /// There is no such secret, or it has no value.
    public static let noSecret = Code(VIR_ERR_NO_SECRET)
    /// The secret cannot be used, or its value is not given out.
    public static let invalidSecret = Code(VIR_ERR_INVALID_SECRET)
    /// The operation does not fit the present state.
    public static let operationInvalid = Code(VIR_ERR_OPERATION_INVALID)
    /// The hypervisor does not support this configuration.
    public static let configUnsupported = Code(VIR_ERR_CONFIG_UNSUPPORTED)
    /// Timeout occurred during operation.
    public static let operationTimeout = Code(VIR_ERR_OPERATION_TIMEOUT)
    /// The migration worked, but the guest could not be made persistent at the destination.
    public static let migratePersistFailed = Code(VIR_ERR_MIGRATE_PERSIST_FAILED)
    /// A synchronous hook script failed.
    public static let hookScriptFailed = Code(VIR_ERR_HOOK_SCRIPT_FAILED)
    /// Domain snapshot not found.
    public static let noDomainSnapshot = Code(VIR_ERR_NO_DOMAIN_SNAPSHOT)
    /// A valid call with an argument that is not supported.
    public static let argumentUnsupported = Code(VIR_ERR_ARGUMENT_UNSUPPORTED)
    /// The format of a volume could not be found out.
    public static let storageProbeFailed = Code(VIR_ERR_STORAGE_PROBE_FAILED)
    /// Storage pool already built.
    public static let storagePoolAlreadyBuilt = Code(VIR_ERR_STORAGE_POOL_BUILT)
    /// The operation was aborted, by its user or by an error.
    public static let operationAborted = Code(VIR_ERR_OPERATION_ABORTED)
    /// Authentication cancelled.
    public static let authCancelled = Code(VIR_ERR_AUTH_CANCELLED)
    /// There is no such metadata.
    public static let noDomainMetadata = Code(VIR_ERR_NO_DOMAIN_METADATA)
    /// The migration would not be safe.
    public static let migrateUnsafe = Code(VIR_ERR_MIGRATE_UNSAFE)
    /// Integer overflow.
    public static let overflow = Code(VIR_ERR_OVERFLOW)
    /// A running block copy prevents it.
    public static let blockCopyActive = Code(VIR_ERR_BLOCK_COPY_ACTIVE)
    /// The operation is not supported here.
    public static let operationUnsupported = Code(VIR_ERR_OPERATION_UNSUPPORTED)
    /// The SSH transport failed.
    public static let ssh = Code(VIR_ERR_SSH)
    /// The guest agent does not answer.
    public static let agentUnresponsive = Code(VIR_ERR_AGENT_UNRESPONSIVE)
    /// Resource is already in use.
    public static let resourceBusy = Code(VIR_ERR_RESOURCE_BUSY)
    /// The caller has no right to do it.
    public static let accessDenied = Code(VIR_ERR_ACCESS_DENIED)
    /// The storage vol already exists.
    public static let storageVolumeExists = Code(VIR_ERR_STORAGE_VOL_EXIST)
    /// Given CPU is incompatible with host CPU.
    public static let cpuIncompatible = Code(VIR_ERR_CPU_INCOMPATIBLE)
    /// XML document doesn't validate against schema.
    public static let xmlInvalidSchema = Code(VIR_ERR_XML_INVALID_SCHEMA)
    /// The last step of a migration succeeded where it should have failed.
    public static let migrateFinishOk = Code(VIR_ERR_MIGRATE_FINISH_OK)
    /// Authentication unavailable.
    public static let authUnavailable = Code(VIR_ERR_AUTH_UNAVAILABLE)
    /// The libssh transport failed.
    public static let libSSH = Code(VIR_ERR_LIBSSH)
    /// Fail to find the desired device.
    public static let deviceMissing = Code(VIR_ERR_DEVICE_MISSING)
    /// Domain checkpoint not found.
    public static let noDomainCheckpoint = Code(VIR_ERR_NO_DOMAIN_CHECKPOINT)
    /// No backup runs.
    public static let noDomainBackup = Code(VIR_ERR_NO_DOMAIN_BACKUP)
    /// The checkpoint cannot be used.
    public static let checkpointInconsistent = Code(VIR_ERR_CHECKPOINT_INCONSISTENT)
    /// More than one domain matches.
    public static let multipleDomains = Code(VIR_ERR_MULTIPLE_DOMAINS)

    /// The words for the known numbers.
    public static let words: [Code: String] = [
      .notConnected: "not connected",
      .noThread: "no thread",
      .internalError: "VIR_ERR_INTERNAL_ERROR",
      .noMemory: "VIR_ERR_NO_MEMORY",
      .noSupport: "VIR_ERR_NO_SUPPORT",
      .unknownHost: "VIR_ERR_UNKNOWN_HOST",
      .noConnection: "VIR_ERR_NO_CONNECT",
      .invalidConnection: "VIR_ERR_INVALID_CONN",
      .invalidDomain: "VIR_ERR_INVALID_DOMAIN",
      .invalidArgument: "VIR_ERR_INVALID_ARG",
      .operationFailed: "VIR_ERR_OPERATION_FAILED",
      .xmlError: "VIR_ERR_XML_ERROR",
      .domainExists: "VIR_ERR_DOM_EXIST",
      .operationDenied: "VIR_ERR_OPERATION_DENIED",
      .xmlDetail: "VIR_ERR_XML_DETAIL",
      .systemError: "VIR_ERR_SYSTEM_ERROR",
      .rpc: "VIR_ERR_RPC",
      .tlsError: "VIR_ERR_GNUTLS_ERROR",
      .noDomain: "VIR_ERR_NO_DOMAIN",
      .authFailed: "VIR_ERR_AUTH_FAILED",
      .invalidStoragePool: "VIR_ERR_INVALID_STORAGE_POOL",
      .invalidStorageVolume: "VIR_ERR_INVALID_STORAGE_VOL",
      .noNetwork: "VIR_ERR_NO_NETWORK", .noStoragePool: "VIR_ERR_NO_STORAGE_POOL",
      .noStorageVolume: "VIR_ERR_NO_STORAGE_VOL",
      .noSecret: "VIR_ERR_NO_SECRET", .invalidSecret: "VIR_ERR_INVALID_SECRET",
      .operationInvalid: "VIR_ERR_OPERATION_INVALID",
      .configUnsupported: "VIR_ERR_CONFIG_UNSUPPORTED",
      .operationTimeout: "VIR_ERR_OPERATION_TIMEOUT",
      .migratePersistFailed: "VIR_ERR_MIGRATE_PERSIST_FAILED",
      .hookScriptFailed: "VIR_ERR_HOOK_SCRIPT_FAILED",
      .noDomainSnapshot: "VIR_ERR_NO_DOMAIN_SNAPSHOT",
      .argumentUnsupported: "VIR_ERR_ARGUMENT_UNSUPPORTED",
      .storageProbeFailed: "VIR_ERR_STORAGE_PROBE_FAILED",
      .storagePoolAlreadyBuilt: "VIR_ERR_STORAGE_POOL_BUILT",
      .operationAborted: "VIR_ERR_OPERATION_ABORTED",
      .authCancelled: "VIR_ERR_AUTH_CANCELLED",
      .noDomainMetadata: "VIR_ERR_NO_DOMAIN_METADATA",
      .migrateUnsafe: "VIR_ERR_MIGRATE_UNSAFE",
      .overflow: "VIR_ERR_OVERFLOW",
      .blockCopyActive: "VIR_ERR_BLOCK_COPY_ACTIVE",
      .operationUnsupported: "VIR_ERR_OPERATION_UNSUPPORTED",
      .ssh: "VIR_ERR_SSH",
      .agentUnresponsive: "VIR_ERR_AGENT_UNRESPONSIVE",
      .resourceBusy: "VIR_ERR_RESOURCE_BUSY",
      .accessDenied: "VIR_ERR_ACCESS_DENIED",
      .storageVolumeExists: "VIR_ERR_STORAGE_VOL_EXIST",
      .cpuIncompatible: "VIR_ERR_CPU_INCOMPATIBLE",
      .xmlInvalidSchema: "VIR_ERR_XML_INVALID_SCHEMA",
      .migrateFinishOk: "VIR_ERR_MIGRATE_FINISH_OK",
      .authUnavailable: "VIR_ERR_AUTH_UNAVAILABLE",
      .libSSH: "VIR_ERR_LIBSSH",
      .deviceMissing: "VIR_ERR_DEVICE_MISSING",
      .noDomainCheckpoint: "VIR_ERR_NO_DOMAIN_CHECKPOINT",
      .noDomainBackup: "VIR_ERR_NO_DOMAIN_BACKUP",
      .checkpointInconsistent: "VIR_ERR_CHECKPOINT_INCONSISTENT",
      .multipleDomains: "VIR_ERR_MULTIPLE_DOMAINS",
    ]
  }
}
