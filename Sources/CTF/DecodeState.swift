/// Values that later steps of a plan depend on, by number.
///
/// The numbers are those of ``Register``, and those that plans use: each plan was held against the number of registers
/// when it was made (``DecodePlan/registerCount``).
@safe
struct Registers {
  private let values: UnsafeMutablePointer<UInt64>

  init(count: Int) {
    precondition(count >= Register.firstFree, "too few registers")
    unsafe values = .allocate(capacity: count)
    unsafe values.initialize(repeating: 0, count: count)
  }

  @inline(__always)
  subscript(register: Int) -> UInt64 {
    get { unsafe values[register] }
    nonmutating set { unsafe values[register] = newValue }
  }

  /// The register that a step names.
  @inline(__always)
  subscript(register: UInt16) -> UInt64 {
    get { self[Int(register)] }
    nonmutating set { self[Int(register)] = newValue }
  }

  /// Gives the memory back: nobody may use a copy of the registers any more.
  @unsafe
  fileprivate func deallocate() { unsafe values.deallocate() }
}

/// The loops that are under way, outermost first.
///
/// There is room for as many as any plan of the trace nests (``DecodePlan/loopCount``), and a plan's steps are at the same depth
/// whatever way leads to them: ``PlanCheck``.
@safe
struct LoopStack {
  struct Loop {
    /// Elements that are still to come, with the one that is being decoded.
    var left: UInt64 = 0
    /// Where that begins, in bits.
    var start = 0
  }

  private let loops: UnsafeMutablePointer<Loop>

  init(count: Int) {
    unsafe loops = .allocate(capacity: count)
    unsafe loops.initialize(repeating: Loop(), count: count)
  }

  @inline(__always)
  subscript(depth: Int) -> Loop {
    get { unsafe loops[depth] }
    nonmutating set { unsafe loops[depth] = newValue }
  }

  /// Gives the memory back: nobody may use a copy of the stack any more.
  @unsafe
  fileprivate func deallocate() { unsafe loops.deallocate() }
}

/// Registers, loop counters and the like: what decoding needs besides the bits.
struct DecodeState {
  /// Elements without a single bit that one event may have.
  static let maximumEmptyElements = 1 << 16
  /// So many of them for each bit of the packets.
  static let emptyElementsForBit = 16

  let registers: Registers
  let loops: LoopStack
  /// The stream's clock in cycles.
  var clock: UInt64 = 0
  /// Elements without a single bit that there may still be: as many as one event may have, and some more for each bit of
  /// the packets, so that what decoding takes is bounded by how much there is to decode.
  var emptyLeft = DecodeState.maximumEmptyElements

  /// For the packets of a trace.
  init(_ plans: TracePlans) {
    registers = Registers(count: plans.registerCount)
    loops = LoopStack(count: plans.loopCount)
  }

  /// Gives all memory back: nobody may use the state or a copy of it any more.
  @unsafe
  func deallocate() {
    unsafe registers.deallocate()
    unsafe loops.deallocate()
  }
}
