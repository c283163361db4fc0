/// The version of Longshore.
public enum LongshoreVersion {
  /// This version, as `major.minor.patch` (semver.org).
  public static let current = "0.1.0"
}
