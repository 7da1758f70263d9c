/// The fifth stage: from types to decode plans.
///
/// A compiler lives for one plan. It is run twice over everything: first to learn which fields others refer to, then
/// to emit steps that keep those in registers.
struct PlanCompiler {
  /// The most steps of one plan: metadata can make types that grow exponentially by naming each other.
  static let maximumSteps = 1 << 19
  /// Runs are cut behind this many bits, so that the least buffer has room for one.
  static let maximumRunBits = 1 << 17
  /// The most structures that are searched for names of definitions which have to be found where they are used.
  static let maximumLookups = 1 << 22

  /// What a row wants of the payload: slot of each top-level field index; nil decodes everything to a tape.
  let slots: [Int: UInt16]?
  let model: TraceModel
  let references: References
  let file: String

  var steps: [Step] = []
  var ranges: [VariantRange] = []
  var fields: [FieldLoad] = []
  /// The structures of the scopes that are complete, for references from later ones.
  private(set) var roots: [DynamicScope: StructureType]
  var scope = DynamicScope.packetHeader
  /// The number of the stream class.
  let stream: Int
  /// What fields of the event record class are referred to.
  var local: ReferenceTable
  /// The structure of `scope`.
  var currentRoot: StructureType?
  var frames: [Frame] = []
  /// The frame of each structure that anchors know.
  private(set) var places: [Int: Int] = [:]
  var lookups = 0
  /// What is known about the position: it is `remainder` modulo `modulus` bits.
  private(set) var modulus: Int
  private(set) var remainder: Int
  var run: Run?

  struct Run {
    let step: Int
    let isByteAligned: Bool
    var bits = 0
    var words = 0
    /// The step that loads the fields before this place, if nothing else came between.
    var fieldsStep: Int?
  }

  /// A structure whose fields are being decoded.
  struct Frame {
    let structure: StructureType
    let key: FieldKey
    /// How many fields have been decoded.
    var count = 0
  }

  /// - Parameters:
  ///   - stream: The number of the stream class.
  ///   - start: What is known of the position at the start, in bits: it is `remainder` modulo `modulus`.
  init(
    _ model: TraceModel, _ references: References, file: String, roots: [DynamicScope: StructureType],
    stream: Int = 0, local: ReferenceTable = ReferenceTable(), start: (modulus: Int, remainder: Int),
    slots: [Int: UInt16]? = nil
  ) {
    self.stream = stream
    self.local = local
    self.model = model
    self.references = references
    self.file = file
    self.roots = roots
    self.slots = slots
    modulus = start.modulus
    remainder = start.remainder
  }

  func failure(_ message: String) -> TraceError { TraceError(file: file, message: message) }

  /// Appends the steps for one dynamic scope.
  mutating func add(_ structure: StructureType?, _ scope: DynamicScope) throws(TraceError) {
    guard let structure else { return }
    self.scope = scope
    currentRoot = structure
    frames = []
    if scope == .eventHeader, model.format == .ctf2 {
      // Without a role that says otherwise it is class 0 (CTF 2, section 6.2).
      closeRun()
      try append(Step(kind: .set, slot: UInt16(Register.eventID), operand: 0))
    }
    try emit(.structure(structure), FieldKey(scope), nil)
    roots[scope] = structure
  }

  /// The plan; what is known of the position at its end stays in `modulus` and `remainder`.
  mutating func finish() -> DecodePlan {
    closeRun()
    steps.append(Step(kind: .end))
    return DecodePlan(steps, ranges, fields)
  }

  // MARK: Steps

  mutating func append(_ step: Step) throws(TraceError) {
    guard steps.count < Self.maximumSteps else {
      throw failure("a structure has more than \(Self.maximumSteps) fields, nested ones included")
    }
    steps.append(step)
  }

  mutating func closeRun() {
    guard let current = run else { return }
    steps[current.step].offset = UInt32(current.bits)
    steps[current.step].operand = UInt64(current.words)
    run = nil
  }

  private mutating func openRun() throws(TraceError) {
    run = Run(step: steps.count, isByteAligned: modulus >= 8 && remainder % 8 == 0)
    try append(Step(kind: .run))
  }

  /// Replaces what is known about the position.
  mutating func know(modulus: Int, remainder: Int = 0) {
    self.modulus = modulus
    self.remainder = remainder
  }

  mutating func addRange(_ range: VariantRange) throws(TraceError) {
    ranges.append(range)
    guard ranges.count <= Self.maximumSteps else { throw failure("variants have too many options") }
  }

  /// Whether the position is known to be that of a byte.
  var isAtByte: Bool { modulus >= 8 && remainder % 8 == 0 }

  mutating func move(_ bits: Int) {
    remainder = (remainder + bits) & (modulus - 1)
  }

  mutating func align(_ alignment: Int) throws(TraceError) {
    guard alignment > 1 else { return }
    if modulus >= alignment {
      let padding = (alignment - remainder % alignment) % alignment
      guard padding > 0 else { return }
      if padding > Self.maximumRunBits {
        closeRun()
        try append(Step(kind: .align, operand: UInt64(alignment)))
        move(padding)
        return
      }
      if run == nil { try openRun() }
      run?.bits += padding
      move(padding)
    } else {
      closeRun()
      try append(Step(kind: .align, operand: UInt64(alignment)))
      modulus = alignment
      remainder = 0
    }
  }

  /// Makes room for a fixed-size field in the current run; returns its offset in bits.
  mutating func reserve(_ bits: Int) throws(TraceError) -> Int {
    let isByteField = modulus >= 8 && remainder % 8 == 0 && bits % 8 == 0
    if let current = run, (isByteField && !current.isByteAligned) || current.bits > Self.maximumRunBits {
      closeRun()
    }
    if run == nil { try openRun() }
    let offset = run?.bits ?? 0
    run?.bits += bits
    return offset
  }

  // MARK: Fields

  /// - Parameters:
  ///   - key: The scope and the indices that lead to this field.
  ///   - slot: Where a row wants it.
  mutating func emit(_ type: FieldType, _ key: FieldKey, _ slot: UInt16?) throws(TraceError) {
    switch type {
    case .integer(let integer): try emit(integer, key, slot)
    case .enumeration(let enumeration): try emit(enumeration.container, key, slot)
    case .floatingPoint(let float): try emit(float, slot)
    case .string:
      try align(8)
      closeRun()
      try append(Step(kind: .string, slot: slot ?? Step.noSlot))
      modulus = 8
      remainder = 0
    case .array(let array): try emit(array, key, slot)
    case .structure(let structure):
      try align(structure.alignment)
      places[structure.id] = frames.count
      frames.append(Frame(structure: structure, key: key))
      for index in structure.fields.indices {
        let inner = key.count == 1 && scope == .payload ? slots?[index] : nil
        try emit(structure.fields[index].type, key + index, inner)
        frames[frames.count - 1].count += 1
      }
      places[structure.id] = nil
      frames.removeLast()
    case .variant(let variant): try emit(variant, key)
    case .boolean(let bits): try emit(boolean: bits, key, slot)
    case .bitArray(let array): try emit(array.bits, key, slot)
    case .text(let text): try emit(text, key, slot)
    case .blob(let blob): try emit(blob, key)
    case .selection(let selection): try emit(selection, key)
    }
  }

  // MARK: Arrays

  private mutating func emit(_ array: ArrayType, _ key: FieldKey, _ slot: UInt16?) throws(TraceError) {
    try align(array.alignment)
    if scope == .packetHeader, model.format == .ctf1, key.count == 2,
      currentRoot?.fields[key[1]].name == "uuid"
    {
      closeRun()
      try append(Step(kind: .position, slot: UInt16(Register.uuidPosition)))
    }
    let register: Int? =
      switch array.length {
      case .constant: nil
      case .reference(let path): try lengthRegister(path, array.anchor)
      case .location(let location): try lengthRegister(location.location, from: key)
      }
    if array.isText {
      closeRun()
      switch array.length {
      case .constant(let count):
        try append(Step(kind: .text, slot: slot ?? Step.noSlot, operand: UInt64(count)))
      case .reference, .location:
        try append(Step(kind: .textSequence, slot: slot ?? Step.noSlot, offset: UInt32(register ?? 0)))
      }
      modulus = min(modulus, 8)
      remainder %= modulus
      return
    }
    if slots != nil, let bits = fixedBits(array.element), !hasEffects(array.element) {
      try skip(array, bits, register)
      return
    }
    if case .constant(0) = array.length { return }
    closeRun()
    // Every element begins at a multiple of its alignment; nothing more is known inside the loop.
    let alignment = array.element.alignment
    if register == nil, array.minimumBits > Self.maximumRunBits {
      try append(Step(kind: .room, operand: UInt64(array.minimumBits)))
    }
    let loop = steps.count
    let minimum = array.element.minimumBits
    if let register {
      try append(Step(kind: .loopSequence, slot: UInt16(register), operand: UInt64(minimum)))
    } else if case .constant(let count) = array.length {
      try append(Step(kind: .loop, operand: UInt64(count)))
    }
    modulus = max(1, min(modulus, alignment))
    remainder = 0
    let body = steps.count
    if fixedBits(array.element).map({ $0 % alignment != 0 }) ?? (alignment > 1) {
      try append(Step(kind: .align, operand: UInt64(alignment)))
      modulus = alignment
    }
    try emit(array.element, key + 0, nil)
    closeRun()
    try append(Step(kind: .endLoop, offset: UInt32(body)))
    steps[loop].offset = UInt32(steps.count)
    modulus = fixedBits(array.element).map { $0 % alignment == 0 } ?? false ? alignment : 1
    remainder = 0
  }

  /// Steps over an array of fixed-size elements that no row wants.
  private mutating func skip(_ array: ArrayType, _ bits: Int, _ register: Int?) throws(TraceError) {
    let alignment = array.element.alignment
    let stride = (bits + alignment - 1) / alignment * alignment
    closeRun()
    if let register {
      if bits % alignment == 0 {
        try append(Step(kind: .skipSequence, slot: UInt16(register), operand: UInt64(bits)))
        modulus = min(modulus, max(1, bits & -bits))
      } else {
        try append(
          Step(
            kind: .skipSequence, slot: UInt16(register), offset: UInt32(stride - bits),
            operand: UInt64(stride)))
        modulus = 1
      }
      remainder %= modulus
    } else if case .constant(let count) = array.length, count > 0 {
      let (total, overflow) = stride.multipliedReportingOverflow(by: count)
      guard !overflow, total < 1 << 56 else { throw failure("an array is larger than 2^56 bits") }
      try append(Step(kind: .skip, operand: UInt64(total - (stride - bits))))
      move((total - (stride - bits)) & (modulus - 1))
    }
  }

  /// The size of a type that is the same for every value, nil when it is not.
  private func fixedBits(_ type: FieldType) -> Int? {
    switch type {
    case .integer(let integer): integer.isVariableLength ? nil : integer.size
    case .enumeration(let enumeration):
      enumeration.container.isVariableLength ? nil : enumeration.container.size
    case .floatingPoint(let float): float.size
    case .boolean(let bits): bits.size
    case .bitArray(let array): array.bits.size
    default: nil
    }
  }

  /// Whether an unwanted value still matters: it may set the clock.
  private func hasEffects(_ type: FieldType) -> Bool {
    switch type {
    case .integer(let integer): integer.clock != nil || !integer.roles.isEmpty
    case .enumeration(let enumeration):
      enumeration.container.clock != nil || !enumeration.container.roles.isEmpty
    default: false
    }
  }

  // MARK: Variants

  private mutating func emit(_ variant: VariantType, _ key: FieldKey) throws(TraceError) {
    guard let path = variant.tag else { throw failure("a variant has no tag") }
    let (register, enumeration) = try tagRegister(path, variant.anchor)
    try clearPresences(key)
    closeRun()
    let step = steps.count
    try append(Step(kind: .variant, size: enumeration.container.isSigned ? 1 : 0, slot: UInt16(register)))
    let first = ranges.count
    for (option, place) in enumeration.mappings(selecting: variant) {
      let mapping = enumeration.mappings[place]
      ranges.append(
        VariantRange(low: mapping.low, high: mapping.high, option: UInt32(option), target: UInt32(option)))
      guard ranges.count <= Self.maximumSteps else { throw failure("variants have too many options") }
    }
    guard ranges.count > first else {
      throw failure(
        "the tag '\(path.joined(separator: ".").prefix(64))' of a variant has no label that is the name of an option"
      )
    }
    steps[step].offset = UInt32(first)
    steps[step].operand = UInt64(ranges.count - first)
    let last = ranges.count
    let start = (modulus, remainder)
    var end: (modulus: Int, remainder: Int)?
    var targets: [UInt32] = []
    var jumps: [Int] = []
    for (index, option) in variant.options.enumerated() {
      targets.append(UInt32(steps.count))
      (modulus, remainder) = start
      try emit(option.type, key + index, nil)
      closeRun()
      jumps.append(steps.count)
      try append(Step(kind: .jump))
      end = end.map { meet($0, (modulus, remainder)) } ?? (modulus, remainder)
    }
    for jump in jumps { steps[jump].offset = UInt32(steps.count) }
    for index in first..<last { ranges[index].target = targets[Int(ranges[index].target)] }
    if let end { (modulus, remainder) = end }
  }

  /// What is known of a position that is either of two.
  func meet(_ a: (modulus: Int, remainder: Int), _ b: (modulus: Int, remainder: Int)) -> (
    modulus: Int, remainder: Int
  ) {
    var modulus = min(a.modulus, b.modulus)
    while modulus > 1, a.remainder % modulus != b.remainder % modulus { modulus /= 2 }
    return (modulus, a.remainder % modulus)
  }
}
