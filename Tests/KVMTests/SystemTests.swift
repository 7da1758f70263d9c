import CKVM
import Engine
import Foundation
import GuestRAM
import KVM
import Platform
import Testing

@Suite("Names that must agree with the kernel's headers")
struct NameTests {
  private func numbers(_ text: String, _ expression: String) throws -> [String: UInt32] {
    let regex = try NSRegularExpression(pattern: expression)
    var found: [String: UInt32] = [:]
    for match in regex.matches(in: text, range: NSRange(text.startIndex..., in: text)) {
      let name = String(text[Range(match.range(at: 1), in: text)!])
      found[name.lowercased()] = UInt32(text[Range(match.range(at: 2), in: text)!])!
    }
    return found
  }

  @Test("Exit reasons: linux/kvm.h, the event catalogue and ExitReason say the same")
  func exitReasons() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let catalogue = try String(
      contentsOf: root.appending(path: "Sources/CTracepoints/include/exeunt_catalogue.h"), encoding: .utf8)
    let start = try #require(catalogue.range(of: "exit_reason,"))
    let end = try #require(catalogue.range(of: "))", range: start.upperBound..<catalogue.endIndex))
    let inCatalogue = try numbers(
      String(catalogue[start.upperBound..<end.lowerBound]), #"value\("(\w+)", (\d+)\)"#)
    let header = try String(contentsOfFile: "/usr/include/linux/kvm.h", encoding: .utf8)
    let inKernel = try numbers(header, #"#define KVM_EXIT_([A-Z0-9_]+)\s+(\d+)\s*\n"#)
    #expect(inCatalogue.count == 40)
    #expect(inKernel.count >= 30)
    for (name, number) in inCatalogue {
      #expect(ExitReason.name(number) == name)
      // Headers of an old kernel lack the newest reasons.
      if let official = inKernel[name] { #expect(official == number, "\(name)") }
    }
    #expect(ExitReason.name(40) == "reason_40")
    #expect(ExitReason.name(.max) == "reason_\(UInt32.max)")
    #expect(inCatalogue["io"] == UInt32(KVM_EXIT_IO))
    #expect(inCatalogue["mmio"] == UInt32(KVM_EXIT_MMIO))
    #expect(inCatalogue["intr"] == UInt32(KVM_EXIT_INTR))
  }
}

@Suite("/dev/kvm and what it makes", .enabled(if: kvmIsUsable, kvmReason))
struct SystemTests {
  @Test("What is not /dev/kvm is refused by name")
  func notKVM() throws {
    for (path, request, errno): (String, String, Errno) in [
      ("/dev/exeunt-has-no-such-device", "open", .noSuchFileOrDirectory),
      ("/dev/null", "KVM_GET_API_VERSION", .inappropriateIOCTLForDevice),
      ("/dev", "open", .isDirectory),
    ] {
      let error = #expect(throws: KVMError.self) { _ = try KVMSystem(path: path) }
      #expect(error?.request == request)
      #expect(error?.errno == errno)
    }
  }

  @Test("What every guest needs is there")
  func capabilities() throws {
    let system = try KVMSystem()
    #expect(system.apiVersion == KVMSystem.expectedAPIVersion)
    for capability in Capability.required { #expect(try system.check(capability) > 0, "\(capability.name)") }
    let names = (Capability.required + Capability.optional).map(\.name)
    #expect(Set(names).count == names.count)
    #expect(try system.check(.maximumVcpus) >= 1)
    let leaves = try system.supportedCPUID()
    #expect(leaves.contains { $0.function == 1 })
    #expect(leaves.count < Int(CKVM_CPUID_CAPACITY))
  }

  @Test("Requests that the kernel refuses say which they were")
  func refusals() throws {
    let machine = try KVMSystem().createVirtualMachine()
    let memory = try GuestMemory.allocate(bytes: 1 << 20, backend: .anonymous, preallocate: false)
    let ram = memory.hostMemory(of: memory.layout.regions[0])
    try machine.setMemory(slot: 0, guestAddress: 0, memory: ram)
    let overlap = #expect(throws: KVMError.self) {
      try machine.setMemory(slot: 1, guestAddress: 4096, memory: ram)
    }
    #expect(overlap?.errno == .fileExists)
    #expect(overlap?.description.contains("KVM_SET_USER_MEMORY_REGION failed") == true)
    #expect(throws: KVMError.self) { try machine.setMemory(slot: 2, guestAddress: 1 << 30 + 1, memory: ram) }
    _ = try machine.createVcpu(id: 0)
    let twice = #expect(throws: KVMError.self) { _ = try machine.createVcpu(id: 0) }
    #expect(twice?.errno == .fileExists)
    #expect(throws: KVMError.self) { _ = try machine.createVcpu(id: 1 << 24) }
    // Too late: interrupt controllers come before vCPUs.
    let late = #expect(throws: KVMError.self) { try machine.createInterruptControllers() }
    #expect(late?.request == "KVM_CREATE_IRQCHIP")
    #expect(throws: KVMError.self) { try machine.setInterruptLine(4, high: true) }
    #expect(throws: KVMError.self) { _ = try machine.controllerState() }
  }
}
