import CUnicorn
import GuestRAM

/// An instance of the library for a processor other than x86, with guest memory, and the stack on which it runs.
final class ForeignTranslator {
  let description: ForeignProcessor
  let processor: OpaquePointer
  private let fiber: OpaquePointer
  /// As `Translator`'s.
  unowned(unsafe) var owner: ForeignVcpu?

  /// What the library and the stack are given of a translator that is still being made. Both are there no longer than the translator.
  final class Box {
    unowned(unsafe) var translator: ForeignTranslator?
  }
  private let box: Box

  /// Makes one with all of the machine's RAM; every other address calls back.
  init(_ description: ForeignProcessor, memory: GuestMemory) throws {
    self.description = description
    let box = Box()
    self.box = box
    guard
      let fiber = cuc_fiber_make(
        { argument in
          guard let translator = ForeignTranslator.find(argument) else { return }
          translator.owner?.emulate(translator)
        },
        Unmanaged.passUnretained(box).toOpaque())
    else { throw TCGError("a stack for a vCPU: no memory") }
    var message: UnsafePointer<CChar>?
    guard
      let processor = cuc_foreign_make(
        description.number, description.mode, ForeignTranslator.callbacks(box), &message)
    else {
      cuc_fiber_free(fiber)
      throw TCGError("libunicorn: uc_open: \(message.map { String(cString: $0) } ?? "")")
    }
    self.fiber = fiber
    self.processor = processor
    box.translator = self
    try map(memory)
    for (register, value) in description.initial { cuc_foreign_set_register(processor, register, value) }
  }

  private var isClosed = false

  /// Gives back the library's processor and the stack, on which nothing runs any more.
  func close() {
    guard !isClosed else { return }
    isClosed = true
    cuc_foreign_free(processor)
    cuc_fiber_free(fiber)
  }

  deinit { close() }

  private func map(_ memory: GuestMemory) throws {
    var place: UInt64 = 0
    for region in memory.layout.regions {
      let start = region.start.value
      if start > place { try check(cuc_foreign_map_io(processor, place, start - place), "uc_mmio_map") }
      let host = memory.hostMemory(of: region)
      try check(cuc_foreign_map_ram(processor, start, region.length, host.baseAddress), "uc_mem_map_ptr")
      place = start + region.length
    }
    try check(cuc_foreign_map_io(processor, place, description.addressLimit - place), "uc_mmio_map")
  }

  private func check(_ code: CInt, _ function: String) throws {
    guard code == 0 else { throw TCGError("libunicorn: \(function): \(String(cString: cuc_message(code)))") }
  }

  /// A register by the library's number.
  subscript(register: CInt) -> UInt64 {
    get { cuc_foreign_register(processor, register) }
    set { cuc_foreign_set_register(processor, register, newValue) }
  }

  /// Where the guest is.
  var programCounter: UInt64 { self[description.programCounter] }

  /// Runs on its own stack until it pauses.
  func resume() { _ = cuc_fiber_resume(fiber) }
  /// Goes back to who resumed it. On its own stack.
  func pause() { cuc_fiber_pause(fiber) }

  // MARK: Callbacks

  /// Whose a callback is. The box outlives the processor and the stack, which alone call.
  private static func find(_ user: UnsafeMutableRawPointer?) -> ForeignTranslator? {
    user.flatMap { Unmanaged<Box>.fromOpaque($0).takeUnretainedValue().translator }
  }

  private static func callbacks(_ box: Box) -> cuc_foreign_callbacks {
    cuc_foreign_callbacks(
      user: Unmanaged.passUnretained(box).toOpaque(),
      read: { user, address, size in
        guard let translator = ForeignTranslator.find(user), let vcpu = translator.owner else { return .max }
        return vcpu.read(address, Int(size), translator)
      },
      write: { user, address, size, value in
        guard let translator = ForeignTranslator.find(user) else { return }
        translator.owner?.write(address, Int(size), value, translator)
      },
      exception: { user, number in
        guard let translator = ForeignTranslator.find(user) else { return }
        translator.owner?.exception(number, translator)
      },
      attention: { user in
        guard let translator = ForeignTranslator.find(user), let vcpu = translator.owner else { return true }
        return vcpu.attention(translator)
      })
  }
}
