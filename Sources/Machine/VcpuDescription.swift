import Engine
import GuestRAM

extension VcpuRunner {
  /// Registers, and the bytes at the instruction pointer: for messages, when the vCPU is not running.
  func stateDescription() -> String {
    if let registers = vcpu.registers() { return description(of: registers) }
    do {
      let state = try vcpu.state()
      let registers = state.general
      func line(_ pairs: [(String, UInt64)]) -> String {
        "  " + pairs.map { "\($0.0)=\(hexadecimal($0.1, width: 16))" }.joined(separator: " ")
      }
      return [
        line([("rip", state.rip), ("rflags", state.rflags), ("rsp", registers.rsp)]),
        line([("rax", registers.rax), ("rbx", registers.rbx), ("rcx", registers.rcx), ("rdx", registers.rdx)]
        ),
        line([("rsi", registers.rsi), ("rdi", registers.rdi), ("rbp", registers.rbp), ("r8 ", registers.r8)]),
        line([("r9 ", registers.r9), ("r10", registers.r10), ("r11", registers.r11), ("r12", registers.r12)]),
        line([("r13", registers.r13), ("r14", registers.r14), ("r15", registers.r15)]),
        line([("cr0", state.cr0), ("cr2", state.cr2), ("cr3", state.cr3), ("cr4", state.cr4)]),
        line([
          ("efer", state.efer), ("cs.base", state.cs.base), ("gdt", state.gdt.base),
          ("idt", state.idt.base),
        ]),
        "  \(mode(state)), bytes at rip: \(instructionBytes(state.rip, state))",
      ].joined(separator: "\n")
    } catch {
      return "  its registers cannot be read: \(error)"
    }
  }

  /// Four to a line.
  private func description(of registers: [NamedRegister]) -> String {
    let width = registers.map(\.name.count).max() ?? 0
    let words = registers.map {
      $0.name + String(repeating: " ", count: width - $0.name.count) + "=" + hexadecimal($0.value, width: 16)
    }
    let lines = stride(from: 0, to: words.count, by: 4).map {
      "  " + words[$0..<min($0 + 4, words.count)].joined(separator: " ")
    }
    return (lines + ["  bytes at \(registers[0].name): \(instructionBytes(linear: registers[0].value))"])
      .joined(separator: "\n")
  }

  /// Where the vCPU is, in one line.
  func positionDescription() -> String {
    if let pc = vcpu.registers()?.first {
      return
        "\(name): \(pc.name) 0x\(String(pc.value, radix: 16)), \(exits) exits, bytes at \(pc.name): "
        + instructionBytes(linear: pc.value)
    }
    guard let state = try? vcpu.state() else {
      return "\(name): position unknown"
    }
    return
      "\(name): rip 0x\(String(state.rip, radix: 16)) (\(mode(state))), \(exits) exits, bytes at rip: "
      + instructionBytes(state.rip, state)
  }

  private func mode(_ state: CPUState) -> String {
    if state.efer & 1 << 10 != 0 { return state.cs.is64Bit ? "64-bit mode" : "compatibility mode" }
    if state.cr0 & 1 == 0 { return "real mode" }
    return state.cr0 & 1 << 31 != 0 ? "protected mode with paging" : "protected mode"
  }

  private func instructionBytes(_ rip: UInt64, _ state: CPUState) -> String {
    instructionBytes(linear: state.cs.base &+ rip)
  }

  private func instructionBytes(linear: UInt64) -> String {
    guard let physical = try? vcpu.translate(linear: linear) else { return "not mapped" }
    // Up to 15 bytes make an instruction, fewer where RAM or the page ends.
    let count = min(15, 4096 - Int(physical % 4096))
    guard let bytes = try? memory.read(count: count, at: .init(physical)) else { return "not in RAM" }
    return bytes.map { hexadecimal($0, width: 2) }.joined(separator: " ")
  }
}

/// A number in hexadecimal, padded with zeros to `width` digits.
func hexadecimal(_ value: some BinaryInteger, width: Int) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
