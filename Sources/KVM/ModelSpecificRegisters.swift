import CKVM

/// A model-specific register with its value.
public struct ModelSpecificRegister: Sendable, Equatable {
  /// Its number, as RDMSR takes it.
  public var index: UInt32
  /// What it holds.
  public var data: UInt64

  /// Describes one.
  public init(_ index: UInt32, _ data: UInt64) {
    self.index = index
    self.data = data
  }
}

extension KVMVcpu {
  /// The guest's view of a model-specific register: KVM_GET_MSRS.
  ///
  /// - Returns: nil where KVM does not know the register.
  public func modelSpecificRegister(_ index: UInt32) throws(KVMError) -> UInt64? {
    try modelSpecificRegisters([index]).first?.data
  }

  /// Those of the registers that KVM knows, in the same order: KVM_GET_MSRS.
  public func modelSpecificRegisters(_ indices: [UInt32]) throws(KVMError) -> [ModelSpecificRegister] {
    let request = Request("KVM_GET_MSRS", CKVM_GET_MSRS)
    var found: [ModelSpecificRegister] = []
    var rest = indices[...]
    while !rest.isEmpty {
      var list = ckvm_msrs()
      let asked = list.put(rest.map { ModelSpecificRegister($0, 0) })
      // The kernel stops at the first that it does not know, and says how many it has read.
      let read = min(try request(descriptor, &list), asked)
      found += list.first(read)
      rest = rest.dropFirst(read < asked ? read + 1 : read)
    }
    return found
  }

  /// Sets registers, one after the other: KVM_SET_MSRS.
  ///
  /// - Returns: those that KVM refused.
  @discardableResult
  public func setModelSpecificRegisters(
    _ registers: [ModelSpecificRegister]
  ) throws(KVMError) -> [ModelSpecificRegister] {
    let request = Request("KVM_SET_MSRS", CKVM_SET_MSRS)
    var refused: [ModelSpecificRegister] = []
    var rest = registers[...]
    while !rest.isEmpty {
      var list = ckvm_msrs()
      let given = list.put(Array(rest))
      let set = min(try request(descriptor, &list), given)
      rest = rest.dropFirst(set)
      if set < given, let next = rest.popFirst() { refused.append(next) }
    }
    return refused
  }
}

extension ckvm_msrs {
  /// Puts the first registers of an array into the list, as many as it has room for.
  ///
  /// - Returns: how many.
  fileprivate mutating func put(_ registers: [ModelSpecificRegister]) -> Int {
    let count = min(registers.count, Int(CKVM_MSR_CAPACITY))
    nmsrs = UInt32(count)
    // The table has `CKVM_MSR_CAPACITY` entries, and nothing beyond `count` is touched.
    unsafe withUnsafeMutableBytes(of: &entries) { raw in
      let entries = unsafe raw.bindMemory(to: kvm_msr_entry.self)
      for index in 0..<count {
        unsafe entries[index].index = registers[index].index
        unsafe entries[index].data = registers[index].data
      }
    }
    return count
  }

  /// The first `count` registers of the list, no more than it has room for.
  fileprivate func first(_ count: Int) -> [ModelSpecificRegister] {
    unsafe withUnsafeBytes(of: entries) { raw in
      unsafe raw.bindMemory(to: kvm_msr_entry.self).prefix(min(count, Int(CKVM_MSR_CAPACITY))).map {
        ModelSpecificRegister($0.index, $0.data)
      }
    }
  }
}

extension KVMSystem {
  /// The model-specific registers that KVM keeps of a vCPU, by number: KVM_GET_MSR_INDEX_LIST. Some of what it keeps is not among
  /// them.
  public func modelSpecificRegisterIndices() throws(KVMError) -> [UInt32] {
    let list = UnsafeMutablePointer<ckvm_msr_list>.allocate(capacity: 1)
    defer { unsafe list.deallocate() }
    unsafe list.initialize(to: ckvm_msr_list())
    unsafe list.pointee.nmsrs = UInt32(CKVM_MSR_INDEX_CAPACITY)
    try unsafe Request("KVM_GET_MSR_INDEX_LIST", CKVM_GET_MSR_INDEX_LIST)(descriptor, at: list)
    // The list has no more than it has room for, whatever the kernel says.
    let count = unsafe min(Int(list.pointee.nmsrs), Int(CKVM_MSR_INDEX_CAPACITY))
    return unsafe withUnsafeBytes(of: &list.pointee.indices) { indices in
      unsafe Array(indices.bindMemory(to: UInt32.self).prefix(count))
    }
  }
}
