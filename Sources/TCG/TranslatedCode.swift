import CUnicorn
import GuestRAM

/// Which pages of guest RAM the machine's processors have translated. What is written must be translated again, by all of them.
final class TranslatedCode: @unchecked Sendable {
  let pointer: OpaquePointer

  init(_ memory: GuestMemory) throws {
    // All regions are parts of one mapping, the first of them at its beginning.
    let base = memory.hostMemory(of: memory.layout.regions[0]).baseAddress
    guard let pointer = cuc_machine_make(base, memory.size) else {
      throw TCGError("notes of translated pages: no memory")
    }
    self.pointer = pointer
  }

  deinit { cuc_machine_free(pointer) }

  /// Whether some of RAM, by its offset in the mapping, has been translated. From any thread.
  func isAt(_ offset: UInt64, count: Int) -> Bool { cuc_has_code(pointer, offset, UInt64(clamping: count)) }

  /// Has all processors forget what they have translated of it. By who has the turn.
  func forget(_ offset: UInt64, count: Int) { cuc_forget_code(pointer, offset, UInt64(clamping: count)) }
}
