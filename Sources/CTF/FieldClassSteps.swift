/// Steps for the field classes that only CTF 2 has.
extension PlanCompiler {
  /// What decoding an integer or boolean of CTF 2 brings about besides its value.
  func roleEffects(_ type: IntegerType, _ key: FieldKey) throws(TraceError) -> [Step] {
    var effects = try keeping(key)
    func keep(_ register: Int) {
      effects.append(Step(kind: .keep, slot: UInt16(register)))
      if scope == .eventHeader { return }
      effects.append(Step(kind: .mark, slot: UInt16(Register.present), operand: 1 << UInt64(register)))
    }
    if type.roles.contains(.timestamp) {
      effects.append(
        type.isVariableLength
          ? Step(kind: .clockVariable) : Step(kind: .clock, size: UInt8(min(64, type.size))))
    }
    // A packet's begin is where the clock stands after its context.
    for (role, register) in Register.roles where type.roles.contains(role) {
      if role != .timestamp || scope == .packetContext { keep(register) }
    }
    if scope == .packetContext, key.count == 2, !type.isSigned,
      currentRoot?.originalNames[key[1]] == "cpu_id"
    {
      keep(Register.cpu)
    }
    return effects
  }

  mutating func emitVariable(_ type: IntegerType, _ key: FieldKey, _ slot: UInt16?) throws(TraceError) {
    try align(8)
    closeRun()
    try append(Step(kind: .variable, size: type.isSigned ? 1 : 0, slot: slot ?? Step.noSlot))
    for effect in try effects(type, key) { try append(effect) }
    forget()
  }

  /// All that is known after bytes of a number that is not known.
  private mutating func forget() { know(modulus: 8) }

  mutating func emit(boolean type: IntegerType, _ key: FieldKey, _ slot: UInt16?) throws(TraceError) {
    try align(type.alignment)
    let offset = try reserve(type.size)
    let effects = try keeping(key)
    try checkOrder(type.byteOrder ?? model.byteOrder, size: type.size, alignment: type.alignment, offset)
    if slots == nil || slot != nil || !effects.isEmpty {
      run?.fieldsStep = nil
      run?.words += 1
      try append(
        Step(
          kind: .boolean, size: (type.byteOrder ?? model.byteOrder) == .big ? 1 : 0,
          slot: slot ?? Step.noSlot,
          offset: UInt32(offset), operand: UInt64(type.size)))
      for effect in effects { try append(effect) }
    }
    move(type.size)
  }

  mutating func emit(_ text: TextType, _ key: FieldKey, _ slot: UInt16?) throws(TraceError) {
    try align(8)
    var step = Step(kind: .encodedString, size: text.encoding.rawValue, slot: slot ?? Step.noSlot)
    switch text.length {
    case .terminated: break
    case .constant(let count):
      step.kind = text.encoding == .utf8 ? .text : .encodedText
      step.operand = UInt64(count)
    case .location(let location):
      step.kind = text.encoding == .utf8 ? .textSequence : .encodedTextSequence
      step.offset = UInt32(try lengthRegister(location, from: key))
    }
    closeRun()
    try append(step)
    forget()
  }

  mutating func emit(_ blob: BlobType, _ key: FieldKey) throws(TraceError) {
    try align(8)
    var step = Step(kind: .blob)
    switch blob.length {
    case .terminated: break
    case .constant(let count): step.operand = UInt64(count)
    case .location(let location):
      step.kind = .blobSequence
      step.offset = UInt32(try lengthRegister(location, from: key))
    }
    closeRun()
    if blob.roles.contains(.uuid) {
      let register = try positionRegister(key)
      references.uuidRegisters.insert(register)
      try append(Step(kind: .position, slot: UInt16(register)))
    }
    try append(step)
    forget()
  }

  mutating func emit(_ selection: SelectionType, _ key: FieldKey) throws(TraceError) {
    let (register, kind) = try selectorRegister(selection, from: key)
    try clearPresences(key)
    closeRun()
    let step = steps.count
    let first = ranges.count
    try append(
      Step(
        kind: selection.isOptional ? .optional : .variant, size: kind == .signed ? 1 : 0,
        slot: UInt16(register),
        offset: UInt32(first)))
    for (index, option) in selection.options.enumerated() {
      var ends = option.ranges.compactMap { $0.bits(isSigned: kind == .signed) }
      if kind == .boolean { ends = [(low: 1, high: UInt64.max)] }
      for end in ends {
        // What an optional field puts on the tape is whether it is there.
        let shown = selection.isOptional ? 1 : UInt32(index)
        try addRange(VariantRange(low: end.low, high: end.high, option: shown, target: UInt32(index)))
      }
    }
    steps[step].operand = UInt64(ranges.count - first)
    let last = ranges.count
    var known: (modulus: Int, remainder: Int)?
    var targets: [UInt32] = []
    var jumps: [Int] = []
    if selection.isOptional {
      jumps.append(steps.count)
      try append(Step(kind: .jump))
      known = (modulus, remainder)
    }
    let start = (modulus, remainder)
    for (index, option) in selection.options.enumerated() {
      targets.append(UInt32(steps.count))
      know(modulus: start.0, remainder: start.1)
      try emit(option.type, key + index, nil)
      closeRun()
      jumps.append(steps.count)
      try append(Step(kind: .jump))
      known = known.map { meet($0, (modulus, remainder)) } ?? (modulus, remainder)
    }
    for jump in jumps { steps[jump].offset = UInt32(steps.count) }
    for index in first..<last { ranges[index].target = targets[Int(ranges[index].target)] }
    if let known { know(modulus: known.modulus, remainder: known.remainder) }
  }
}
