import CKVM
import GuestRAM
import KVM

extension VcpuRunner {
  /// Registers, and the bytes at the instruction pointer: for messages, when the vCPU is not running.
  func stateDescription() -> String {
    do {
      let registers = try vcpu.registers()
      let system = try vcpu.systemRegisters()
      func line(_ pairs: [(String, UInt64)]) -> String {
        "  " + pairs.map { "\($0.0)=\(hexadecimal($0.1, width: 16))" }.joined(separator: " ")
      }
      return [
        line([("rip", registers.rip), ("rflags", registers.rflags), ("rsp", registers.rsp)]),
        line([("rax", registers.rax), ("rbx", registers.rbx), ("rcx", registers.rcx), ("rdx", registers.rdx)]
        ),
        line([("rsi", registers.rsi), ("rdi", registers.rdi), ("rbp", registers.rbp), ("r8 ", registers.r8)]),
        line([("r9 ", registers.r9), ("r10", registers.r10), ("r11", registers.r11), ("r12", registers.r12)]),
        line([("r13", registers.r13), ("r14", registers.r14), ("r15", registers.r15)]),
        line([("cr0", system.cr0), ("cr2", system.cr2), ("cr3", system.cr3), ("cr4", system.cr4)]),
        line([
          ("efer", system.efer), ("cs.base", system.cs.base), ("gdt", system.gdt.base),
          ("idt", system.idt.base),
        ]),
        "  \(mode(system)), bytes at rip: \(instructionBytes(registers.rip, system))",
      ].joined(separator: "\n")
    } catch {
      return "  its registers cannot be read: \(error)"
    }
  }

  /// Where the vCPU is, in one line.
  func positionDescription() -> String {
    guard let registers = try? vcpu.registers(), let system = try? vcpu.systemRegisters() else {
      return "\(name): position unknown"
    }
    return
      "\(name): rip 0x\(String(registers.rip, radix: 16)) (\(mode(system))), \(exits) exits, bytes at rip: "
      + instructionBytes(registers.rip, system)
  }

  private func mode(_ system: kvm_sregs) -> String {
    if system.efer & 1 << 10 != 0 { return system.cs.l != 0 ? "64-bit mode" : "compatibility mode" }
    if system.cr0 & 1 == 0 { return "real mode" }
    return system.cr0 & 1 << 31 != 0 ? "protected mode with paging" : "protected mode"
  }

  private func instructionBytes(_ rip: UInt64, _ system: kvm_sregs) -> String {
    let linear = system.cs.base &+ rip
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
