/// The value of one of libvirt's typed parameters (`virTypedParameter`).
public enum ParameterValue: Sendable, Hashable {
  /// `VIR_TYPED_PARAM_INT`.
  case int(Int32)
  /// `VIR_TYPED_PARAM_UINT`.
  case unsignedInt(UInt32)
  /// `VIR_TYPED_PARAM_LLONG`.
  case long(Int64)
  /// `VIR_TYPED_PARAM_ULLONG`.
  case unsignedLong(UInt64)
  /// `VIR_TYPED_PARAM_DOUBLE`.
  case double(Double)
  /// `VIR_TYPED_PARAM_BOOLEAN`.
  case bool(Bool)
  /// `VIR_TYPED_PARAM_STRING`.
  case string(String)
}
