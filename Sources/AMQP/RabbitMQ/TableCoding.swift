internal import CRabbitMQ

extension Arena {
  /// The C form of a table.
  func table(_ table: Table) -> amqp_table_t {
    guard !table.isEmpty else { return unsafe amqp_empty_table }
    let entries = unsafe allocate(amqp_table_entry_t.self, count: table.count)
    // Sorted, so that the same table always has the same bytes.
    for (index, (key, value)) in table.sorted(by: { $0.key < $1.key }).enumerated() {
      unsafe (entries + index).initialize(to: amqp_table_entry_t(key: bytes(key), value: self.value(value)))
    }
    return unsafe amqp_table_t(num_entries: Int32(table.count), entries: entries)
  }

  private func array(_ values: [FieldValue]) -> amqp_array_t {
    guard !values.isEmpty else { return unsafe amqp_empty_array }
    let entries = unsafe allocate(amqp_field_value_t.self, count: values.count)
    for (index, value) in values.enumerated() {
      unsafe (entries + index).initialize(to: self.value(value))
    }
    return unsafe amqp_array_t(num_entries: Int32(values.count), entries: entries)
  }

  private func value(_ value: FieldValue) -> amqp_field_value_t {
    var field = unsafe amqp_field_value_t()
    func set(_ kind: amqp_field_value_kind_t) { unsafe field.kind = UInt8(kind.rawValue) }
    switch value {
    case .bool(let value):
      set(AMQP_FIELD_KIND_BOOLEAN)
      unsafe field.value.boolean = value ? 1 : 0
    case .int8(let value):
      set(AMQP_FIELD_KIND_I8)
      unsafe field.value.i8 = value
    case .uint8(let value):
      set(AMQP_FIELD_KIND_U8)
      unsafe field.value.u8 = value
    case .int16(let value):
      set(AMQP_FIELD_KIND_I16)
      unsafe field.value.i16 = value
    case .uint16(let value):
      set(AMQP_FIELD_KIND_U16)
      unsafe field.value.u16 = value
    case .int32(let value):
      set(AMQP_FIELD_KIND_I32)
      unsafe field.value.i32 = value
    case .uint32(let value):
      set(AMQP_FIELD_KIND_U32)
      unsafe field.value.u32 = value
    case .int64(let value):
      set(AMQP_FIELD_KIND_I64)
      unsafe field.value.i64 = value
    case .float(let value):
      set(AMQP_FIELD_KIND_F32)
      unsafe field.value.f32 = value
    case .double(let value):
      set(AMQP_FIELD_KIND_F64)
      unsafe field.value.f64 = value
    case .decimal(let scale, let value):
      set(AMQP_FIELD_KIND_DECIMAL)
      unsafe field.value.decimal = amqp_decimal_t(decimals: scale, value: value)
    case .string(let text):
      set(AMQP_FIELD_KIND_UTF8)
      unsafe field.value.bytes = bytes(text)
    case .bytes(let bytes):
      set(AMQP_FIELD_KIND_BYTES)
      unsafe field.value.bytes = self.bytes(bytes)
    case .timestamp(let seconds):
      set(AMQP_FIELD_KIND_TIMESTAMP)
      unsafe field.value.u64 = seconds
    case .array(let values):
      set(AMQP_FIELD_KIND_ARRAY)
      unsafe field.value.array = array(values)
    case .table(let table):
      set(AMQP_FIELD_KIND_TABLE)
      unsafe field.value.table = self.table(table)
    case .void:
      set(AMQP_FIELD_KIND_VOID)
    }
    return unsafe field
  }
}

extension [String: FieldValue] {
  /// Copies a borrowed table. What lies more than ``FieldValue/deepest`` tables and lists deep becomes ``FieldValue/void``.
  init(_ borrowed: amqp_table_t) { unsafe self.init(borrowed, depth: 0) }

  fileprivate init(_ borrowed: amqp_table_t, depth: Int) {
    self.init()
    for index in unsafe 0..<Int(borrowed.num_entries) {
      let entry = unsafe borrowed.entries[index]
      // What is not UTF-8 would grow where it is replaced, beyond the length that a key may have.
      guard let key = unsafe String(validating: [UInt8](entry.key), as: UTF8.self) else { continue }
      self[key] = unsafe FieldValue(entry.value, depth: depth)
    }
  }
}

extension FieldValue {
  /// How deep tables and lists are read. Who publishes decides how deep they are, and each level takes some of the stack.
  static let deepest = 32

  /// Copies a borrowed value that lies so many tables and lists deep.
  fileprivate init(_ field: amqp_field_value_t, depth: Int) {
    let value = unsafe field.value
    switch unsafe UInt32(field.kind) {
    case AMQP_FIELD_KIND_BOOLEAN.rawValue: self = unsafe .bool(value.boolean != 0)
    case AMQP_FIELD_KIND_I8.rawValue: self = unsafe .int8(value.i8)
    case AMQP_FIELD_KIND_U8.rawValue: self = unsafe .uint8(value.u8)
    case AMQP_FIELD_KIND_I16.rawValue: self = unsafe .int16(value.i16)
    case AMQP_FIELD_KIND_U16.rawValue: self = unsafe .uint16(value.u16)
    case AMQP_FIELD_KIND_I32.rawValue: self = unsafe .int32(value.i32)
    case AMQP_FIELD_KIND_U32.rawValue: self = unsafe .uint32(value.u32)
    // RabbitMQ reads both letters as a signed number.
    case AMQP_FIELD_KIND_I64.rawValue, AMQP_FIELD_KIND_U64.rawValue: self = unsafe .int64(value.i64)
    case AMQP_FIELD_KIND_F32.rawValue: self = unsafe .float(value.f32)
    case AMQP_FIELD_KIND_F64.rawValue: self = unsafe .double(value.f64)
    case AMQP_FIELD_KIND_DECIMAL.rawValue:
      self = unsafe .decimal(scale: value.decimal.decimals, value: value.decimal.value)
    case AMQP_FIELD_KIND_UTF8.rawValue:
      let bytes = unsafe [UInt8](value.bytes)
      self = String(validating: bytes, as: UTF8.self).map(FieldValue.string) ?? .bytes(bytes)
    case AMQP_FIELD_KIND_BYTES.rawValue: self = unsafe .bytes([UInt8](value.bytes))
    case AMQP_FIELD_KIND_TIMESTAMP.rawValue: self = unsafe .timestamp(value.u64)
    case AMQP_FIELD_KIND_TABLE.rawValue where depth < Self.deepest:
      self = unsafe .table(Table(value.table, depth: depth + 1))
    case AMQP_FIELD_KIND_ARRAY.rawValue where depth < Self.deepest:
      let entries = unsafe UnsafeBufferPointer(start: value.array.entries, count: Int(value.array.num_entries))
      self = unsafe .array(entries.map { unsafe FieldValue($0, depth: depth + 1) })
    default: self = .void
    }
  }
}

extension [String: FieldValue] {
  /// The table as it goes over the wire; nil if librabbitmq can't encode it.
  func encoded() -> [UInt8]? {
    let arena = Arena()
    var table = unsafe arena.table(self)
    let capacity = encodedSize
    let buffer = unsafe arena.allocate(UInt8.self, count: capacity)
    var size = 0
    let status = unsafe amqp_encode_table(amqp_bytes_t(len: capacity, bytes: buffer), &table, &size)
    guard status == AMQP_STATUS_OK.rawValue else { return nil }
    return unsafe Array(UnsafeBufferPointer(start: buffer, count: size))
  }

  /// Reads a table as it comes over the wire; nil if it is malformed.
  init?(encoded bytes: [UInt8]) {
    let arena = Arena()
    let pool = UnsafeMutablePointer<amqp_pool_t>.allocate(capacity: 1)
    unsafe init_amqp_pool(pool, 4096)
    defer {
      unsafe empty_amqp_pool(pool)
      unsafe pool.deallocate()
    }
    var table = unsafe amqp_table_t()
    var offset = 0
    let status = unsafe amqp_decode_table(arena.bytes(bytes), pool, &table, &offset)
    guard status == AMQP_STATUS_OK.rawValue else { return nil }
    self = unsafe Table(table)
  }
}
