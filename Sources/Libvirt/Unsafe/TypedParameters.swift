internal import CLibvirt

/// A parameter and its name; names may repeat, as the disks of a migration do.
struct TypedParameter: Sendable, Hashable {
  let name: String
  let value: ParameterValue
}

/// Copies libvirt's array into values; the array stays its owner's.
///
/// A parameter of a type that is not known here is left out: its value could not be read.
func copyTypedParameters(_ array: virTypedParameterPtr?, count: Int32) -> [TypedParameter] {
  var parameters: [TypedParameter] = []
  for index in 0..<Int(max(0, count)) {
    guard let parameter = unsafe array?[index] else { continue }
    let value: ParameterValue
    switch virTypedParameterType(rawValue: UInt32(bitPattern: unsafe parameter.type)) {
    case VIR_TYPED_PARAM_INT: value = unsafe .int(parameter.value.i)
    case VIR_TYPED_PARAM_UINT: value = unsafe .unsignedInt(parameter.value.ui)
    case VIR_TYPED_PARAM_LLONG: value = unsafe .long(parameter.value.l)
    case VIR_TYPED_PARAM_ULLONG: value = unsafe .unsignedLong(parameter.value.ul)
    case VIR_TYPED_PARAM_DOUBLE: value = unsafe .double(parameter.value.d)
    case VIR_TYPED_PARAM_BOOLEAN: value = unsafe .bool(parameter.value.b != 0)
    case VIR_TYPED_PARAM_STRING:
      guard let text = unsafe parameter.value.s else { continue }
      value = unsafe .string(String(cString: text))
    default: continue
    }
    let name = unsafe withUnsafeBytes(of: parameter.field) { bytes in
      unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    parameters.append(TypedParameter(name: name, value: value))
  }
  return parameters
}

/// Lends `parameters` as libvirt's array for the time of `body`.
@safe
func withTypedParameters<Value>(
  _ parameters: [TypedParameter], _ call: Call,
  _ body: (virTypedParameterPtr?, Int32) throws(LibvirtError) -> Value
) throws(LibvirtError) -> Value {
  var array: virTypedParameterPtr?
  var count: Int32 = 0
  var capacity: Int32 = 0
  // The array and the copies of its strings are made by virTypedParamsAdd… and freed here, whatever happens.
  defer { unsafe virTypedParamsFree(array, count) }
  for parameter in parameters {
    let name = parameter.name
    switch parameter.value {
    case .int(let value): try call.check(unsafe virTypedParamsAddInt(&array, &count, &capacity, name, value))
    case .unsignedInt(let value): try call.check(unsafe virTypedParamsAddUInt(&array, &count, &capacity, name, value))
    case .long(let value): try call.check(unsafe virTypedParamsAddLLong(&array, &count, &capacity, name, value))
    case .unsignedLong(let value):
      try call.check(unsafe virTypedParamsAddULLong(&array, &count, &capacity, name, value))
    case .double(let value): try call.check(unsafe virTypedParamsAddDouble(&array, &count, &capacity, name, value))
    case .bool(let value):
      try call.check(unsafe virTypedParamsAddBoolean(&array, &count, &capacity, name, value ? 1 : 0))
    case .string(let value): try call.check(unsafe virTypedParamsAddString(&array, &count, &capacity, name, value))
    }
  }
  return try unsafe body(array, count)
}
