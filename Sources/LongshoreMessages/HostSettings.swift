/// The settings of a host that can be changed over the bus, and what holds now. The host keeps what was changed until it is changed again,
/// whatever its configuration says.
public struct HostSettings: Sendable, Hashable, Codable {
  /// The settings, by their fields.
  public enum Name: String, Hashable, WireWord {
    case deadlineSeconds
  }

  /// A setting's value.
  public struct Value: Sendable, Hashable, Codable {
    /// Where it comes from.
    public enum Origin: String, Hashable, WireWord {
      /// The configuration of the host, or the default where that says nothing.
      case configuration
      /// A request `configure`.
      case request
    }

    /// The value.
    public var value: Int64
    /// Where it comes from.
    public var origin: Origin
    /// When a request changed it; absent where none did.
    public var since: Timestamp?

    /// A value of the configuration, or one that a request has set.
    public init(_ value: Int64, since: Timestamp? = nil) {
      self.value = value
      origin = since == nil ? .configuration : .request
      self.since = since
    }
  }

  /// Seconds that a migration may take in all, from acceptance, where its order does not say it: what CloudStack calls
  /// `kvm.storage.online.migration.wait`.
  public var deadlineSeconds: Value

  /// Settings.
  public init(deadlineSeconds: Value) { self.deadlineSeconds = deadlineSeconds }
}

/// What to change of a host's settings for good.
public struct HostSettingsChange: Sendable, Hashable, Codable {
  /// The new deadline of migrations whose orders give none, in seconds, 1 to 2,592,000 (30 days); nil: it stays as it is.
  public var deadlineSeconds: Int64?
  /// The settings for which the host's configuration is to count again.
  public var reset: [HostSettings.Name]?

  /// A change.
  public init(deadlineSeconds: Int64? = nil, reset: [HostSettings.Name]? = nil) {
    self.deadlineSeconds = deadlineSeconds
    self.reset = reset
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    deadlineSeconds = try container.decodeIfPresent(.deadlineSeconds, in: Request.deadlineRange)
    reset = try container.decodeIfPresent([HostSettings.Name].self, forKey: .reset)
    guard deadlineSeconds != nil || reset?.isEmpty == false else {
      throw invalidValue(decoder, "nothing is to be changed: give deadlineSeconds or reset")
    }
    guard deadlineSeconds == nil || reset?.contains(.deadlineSeconds) != true else {
      throw invalidValue(decoder, "deadlineSeconds is both given and reset: choose one")
    }
  }
}

/// A setting of a host that was changed.
public struct HostSettingChange: Sendable, Hashable, Codable {
  /// The setting.
  public var setting: HostSettings.Name
  /// What it was.
  public var from: Int64
  /// What it is now.
  public var to: Int64

  /// A change.
  public init(_ setting: HostSettings.Name, from: Int64, to: Int64) {
    self.setting = setting
    self.from = from
    self.to = to
  }
}
