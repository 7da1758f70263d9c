import CUnicorn
import Engine
import GuestRAM

/// An instance of the library with guest memory, and the stack on which it runs.
final class Translator {
  let processor: OpaquePointer
  private let fiber: OpaquePointer
  /// Whose it is, as long as something runs on the stack: nobody else has it run. A counted reference would be taken for each callback.
  unowned(unsafe) var owner: TCGVcpu?

  /// What an x86-64 processor can address at the most here: 40 bits.
  private static let addressLimit: UInt64 = 1 << 40

  // Outlives the processor.
  private let code: TranslatedCode

  /// Makes one with all of the machine's RAM; every other address calls back. No other of the machine's executes meanwhile.
  init(memory: GuestMemory, code: TranslatedCode) throws {
    // `self` is needed for callbacks before the constants are there.
    let box = Box()
    var message: UnsafePointer<CChar>?
    guard
      let fiber = cuc_fiber_make(
        { Unmanaged<Box>.fromOpaque($0!).takeUnretainedValue().translator?.emulate() },
        Unmanaged.passUnretained(box).toOpaque())
    else { throw TCGError("a stack for a vCPU: no memory") }
    guard let processor = cuc_vcpu_make(code.pointer, Translator.callbacks(box), &message) else {
      cuc_fiber_free(fiber)
      throw TCGError("libunicorn: uc_open: \(message.map { String(cString: $0) } ?? "")")
    }
    self.box = box
    self.code = code
    self.fiber = fiber
    self.processor = processor
    box.translator = self
    try map(memory)
    set(.realMode(startVector: nil))
    cuc_power_on(processor)
    // As firmware leaves them (docs/guest-abi.md): IA32_MTRR_DEF_TYPE says that memory types count, write-back by default;
    // IA32_MISC_ENABLE that string instructions may be fast.
    cuc_set_model_specific(processor, 0x2ff, 1 << 11 | 6)
    cuc_set_model_specific(processor, 0x1a0, 1 << 0)
  }

  /// What the library and the stack are given of a translator that is still being made. Both are there no longer than the translator.
  final class Box {
    unowned(unsafe) var translator: Translator?
  }
  private let box: Box

  private var isClosed = false

  /// Gives back the library's processor and the stack, on which nothing runs any more.
  func close() {
    guard !isClosed else { return }
    isClosed = true
    cuc_vcpu_free(processor)
    cuc_fiber_free(fiber)
  }

  deinit { close() }

  private func map(_ memory: GuestMemory) throws {
    var place: UInt64 = 0
    for region in memory.layout.regions {
      let start = region.start.value
      if start > place { try check(cuc_map_io(processor, place, start - place), "uc_mmio_map") }
      let host = memory.hostMemory(of: region)
      try check(cuc_map_ram(processor, start, region.length, host.baseAddress), "uc_mem_map_ptr")
      place = start + region.length
    }
    try check(cuc_map_io(processor, place, Self.addressLimit - place), "uc_mmio_map")
  }

  private func check(_ code: CInt, _ function: String) throws {
    guard code == 0 else { throw TCGError("libunicorn: \(function): \(String(cString: cuc_message(code)))") }
  }

  /// The registers as they are now; written back by `apply`.
  var state: TranslatorState { TranslatorState(cuc_state(processor)) }
  func apply() { cuc_set_state(processor) }
  /// RFLAGS.
  var flags: UInt64 {
    get { cuc_flags(processor) }
    set { cuc_set_flags(processor, newValue) }
  }

  /// Sets all registers.
  func set(_ state: CPUState) {
    state.write(to: self.state)
    apply()
    flags = state.rflags
    cuc_flush(processor)
  }

  /// The bytes at the instruction pointer, as far as they are in RAM.
  func instruction(in memory: GuestMemory) -> [UInt8] {
    let state = self.state
    let linear = LinearMemory(state, memory)
    var bytes: [UInt8] = []
    for offset in 0..<UInt64(15) {
      guard let place = linear.physical(state.base(.cs) &+ state.rip &+ offset),
        let byte = try? memory.read(UInt8.self, at: GuestAddress(place), .little)
      else { break }
      bytes.append(byte)
    }
    return bytes
  }

  /// Runs on its own stack until it pauses.
  func resume() { _ = cuc_fiber_resume(fiber) }
  /// Goes back to who resumed it. On its own stack.
  func pause() { cuc_fiber_pause(fiber) }
}

extension CPUState {
  /// A processor after INIT: in real mode, where a start-up message says (Intel SDM volume 3, section 10.1.1).
  static func realMode(startVector: UInt8?) -> CPUState {
    var state = CPUState()
    var segment = Segment()
    segment.limit = 0xffff
    segment.type = 3
    segment.isPresent = true
    segment.isCodeOrData = true
    state.setDataSegments(segment)
    segment.type = 0xb
    segment.selector = startVector.map { UInt16($0) << 8 } ?? 0xf000
    segment.base = startVector.map { UInt64($0) << 12 } ?? 0xffff_0000
    state.cs = segment
    state.rip = startVector == nil ? 0xfff0 : 0
    state.cr0 = 0x6000_0010
    state.gdt.limit = 0xffff
    state.idt.limit = 0xffff
    return state
  }
}
