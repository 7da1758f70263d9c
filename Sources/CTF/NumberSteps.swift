/// Steps for integers and floating-point numbers.
extension PlanCompiler {
  mutating func emit(_ type: IntegerType, _ key: FieldKey, _ slot: UInt16?) throws(TraceError) {
    if type.isVariableLength { return try emitVariable(type, key, slot) }
    try align(type.alignment)
    let offset = try reserve(type.size)
    let effects = try effects(type, key)
    let order = type.byteOrder ?? model.byteOrder
    try checkOrder(order, size: type.size, alignment: type.alignment, offset)
    if slots == nil || slot != nil || !effects.isEmpty {
      let isField =
        type.size <= 64 && type.size % 8 == 0 && isWholeBytes && (order == .little || type.size == 8)
        && !type.isReversed
      if isField, slots == nil || slot != nil {
        try addField(offset / 8, type.size, type.isSigned, slot)
      } else {
        run?.fieldsStep = nil
        if type.size > 64 {
          var step = wide(type.size, isSigned: type.isSigned, order, offset, mustFit: !effects.isEmpty)
          if type.isReversed { step.size |= Step.wideReversed }
          try append(step)
        } else if type.isReversed {
          try append(reversed(type.size, order, type.isSigned ? Step.reversedSigned : 0, offset, slot))
        } else {
          try append(load(type, isBig: order == .big, offset, slot))
        }
      }
      if !effects.isEmpty { run?.fieldsStep = nil }
      run?.words += type.words
      for effect in effects { try append(effect) }
    }
    move(type.size)
  }

  mutating func emit(_ type: FloatingPointType, _ slot: UInt16?) throws(TraceError) {
    try align(type.alignment)
    let offset = try reserve(type.size)
    let order = type.byteOrder ?? model.byteOrder
    try checkOrder(order, size: type.size, alignment: type.alignment, offset)
    if slots == nil || slot != nil {
      let isBig = order == .big
      run?.words += type.words
      if type.size == 64, !isBig, isWholeBytes, !type.isReversed {
        // The bits of a double are the word: no different from an integer.
        try addField(offset / 8, 64, false, slot)
        move(type.size)
        return
      }
      run?.fieldsStep = nil
      var step = Step(
        kind: .float, size: UInt8(min(64, type.size)), slot: slot ?? Step.noSlot, offset: UInt32(offset))
      if type.size > 64 {
        step = wide(type.size, isSigned: false, order, offset, mustFit: false)
        if type.isReversed { step.size |= Step.wideReversed }
      } else if type.isReversed {
        step = reversed(type.size, order, Step.reversedFloat, offset, slot)
      } else if isWholeBytes, type.size != 16 {
        step.offset = UInt32(offset / 8)
        step.kind = type.size == 64 ? .u64Swapped : (isBig ? .floatSwapped : .float)
      } else {
        step.kind = isBig ? .floatBitsBig : .floatBitsLittle
      }
      try append(step)
    }
    move(type.size)
  }

  /// Whether the run and the field that has just got room in it begin at bytes.
  private var isWholeBytes: Bool { modulus >= 8 && remainder % 8 == 0 && run?.isByteAligned == true }

  /// In a trace with bit fields of both byte orders, a field may not begin inside a byte that the one before it
  /// filled from the other end (CTF 1.8, section 4.1.5).
  mutating func checkOrder(
    _ order: ByteOrder, size: Int, alignment: Int, _ offset: Int
  ) throws(TraceError) {
    guard model.mixesBitOrders, size % 8 != 0 || alignment < 8 else { return }
    run?.fieldsStep = nil
    try append(
      Step(
        kind: .order, size: order == .big ? 1 : 0, slot: UInt16(Register.bitOrder), offset: UInt32(offset),
        operand: UInt64(size)))
  }

  private mutating func addField(
    _ offset: Int, _ size: Int, _ isSigned: Bool, _ slot: UInt16?
  ) throws(TraceError) {
    if let step = run?.fieldsStep {
      steps[step].operand += 1
    } else {
      run?.fieldsStep = steps.count
      try append(Step(kind: .fields, offset: UInt32(fields.count), operand: 1))
    }
    fields.append(FieldLoad(offset: offset, size: size, isSigned: isSigned, slot: slot ?? Step.noSlot))
  }

  /// The step for a number of more than 64 bits, which no row wants.
  private func wide(
    _ size: Int, isSigned: Bool, _ order: ByteOrder, _ offset: Int, mustFit: Bool
  ) -> Step {
    let flags = (isSigned ? Step.wideSigned : 0) | (order == .big ? Step.wideBig : 0)
    return Step(
      kind: .wide, size: flags | (mustFit ? Step.wideMustFit : 0), offset: UInt32(offset),
      operand: UInt64(size))
  }

  /// The step for a number of up to 64 bits whose bits come in the order that is not the byte order's own.
  private func reversed(
    _ size: Int, _ order: ByteOrder, _ flags: UInt64, _ offset: Int, _ slot: UInt16?
  ) -> Step {
    Step(
      kind: .reversedBits, size: UInt8(size), slot: slot ?? Step.noSlot, offset: UInt32(offset),
      operand: flags | (order == .big ? Step.reversedBig : 0))
  }

  /// The step for an integer that is not a field of whole little-endian bytes.
  private func load(_ type: IntegerType, isBig: Bool, _ offset: Int, _ slot: UInt16?) -> Step {
    var step = Step(
      kind: .bitsLittle, size: UInt8(type.size), slot: slot ?? Step.noSlot, offset: UInt32(offset))
    if isWholeBytes, isBig, let kind = Self.swapped(type) {
      step.offset = UInt32(offset / 8)
      step.kind = kind
    } else if type.isSigned {
      step.kind = isBig ? .signedBitsBig : .signedBitsLittle
    } else {
      step.kind = isBig ? .bitsBig : .bitsLittle
    }
    return step
  }

  private static func swapped(_ type: IntegerType) -> Step.Kind? {
    switch (type.size, type.isSigned) {
    case (16, false): .u16Swapped
    case (16, true): .s16Swapped
    case (32, false): .u32Swapped
    case (32, true): .s32Swapped
    case (64, _): .u64Swapped
    default: nil
    }
  }

  /// What decoding an integer brings about besides its value.
  mutating func effects(_ type: IntegerType, _ key: FieldKey) throws(TraceError) -> [Step] {
    if model.format == .ctf2 { return try roleEffects(type, key) }
    var effects: [Step] = []
    if let register = meaning(key) { effects.append(Step(kind: .keep, slot: UInt16(register))) }
    effects += try keeping(key)
    if let clock = try self.clock(of: type, key) {
      if let other = references.clock, other != clock {
        throw failure("the fields of one stream are mapped to two clocks, '\(other)' and '\(clock)'")
      }
      references.clock = clock
      // The end of a packet is known at its begin; it must not set the clock.
      if meaning(key) != Register.timestampEnd {
        effects.append(Step(kind: .clock, size: UInt8(min(64, type.size))))
      }
    }
    return effects
  }

  /// The name of the clock that an integer is a value of.
  ///
  /// Timestamps of packets and events that are mapped to none belong to the trace's only clock, or to one in ns where
  /// the trace declares none: so do other readers.
  private func clock(of type: IntegerType, _ key: FieldKey) throws(TraceError) -> String? {
    guard !type.isSigned else { return nil }
    if let clock = type.clock {
      guard model.clocks.contains(where: { $0.name == clock }) else {
        throw failure("a field is mapped to the clock '\(clock)', which is not declared")
      }
      return clock
    }
    let isTimestamp =
      switch scope {
      case .packetContext: meaning(key) == Register.timestampBegin || meaning(key) == Register.timestampEnd
      case .eventHeader: memberName(key) == "timestamp"
      default: false
      }
    return isTimestamp && model.clocks.count <= 1 ? model.clocks.first?.name ?? References.implicitClock : nil
  }

  /// The register that the specification gives to a field of a header or packet context. Ids may be nested, as in
  /// LTTng's event headers; the one that is decoded last counts.
  private func meaning(_ key: FieldKey) -> Int? {
    guard let structure = currentRoot else { return nil }
    switch scope {
    case .packetHeader where key.count == 2:
      if structure.fields[key[1]].name == "magic" {
        return key[1] == 0 && structure.fields[0].type.isMagic ? Register.magic : nil
      }
      return Register.packetHeader[structure.fields[key[1]].name]
    case .packetHeader: return memberName(key) == "stream_id" ? Register.streamID : nil
    case .packetContext where key.count == 2: return Register.packetContext[structure.fields[key[1]].name]
    case .eventHeader: return memberName(key) == "id" ? Register.eventID : nil
    default: return nil
    }
  }

  /// The name of the field that is being decoded, if it is a member of a structure.
  private func memberName(_ key: FieldKey) -> String? {
    guard let frame = frames.last, frame.key.count + 1 == key.count else { return nil }
    return frame.structure.fields[key[key.count - 1]].name
  }
}
