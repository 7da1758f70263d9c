import CUnicorn

extension Translator {
  /// What the library calls.
  static func callbacks(_ box: Box) -> cuc_callbacks {
    cuc_callbacks(
      user: Unmanaged.passUnretained(box).toOpaque(),
      read: { user, isPort, address, size in
        guard let (translator, vcpu) = Box.find(user) else { return .max }
        return vcpu.read(isPort: isPort, address, Int(size), translator)
      },
      write: { user, isPort, address, size, value in
        guard let (translator, vcpu) = Box.find(user) else { return }
        vcpu.write(isPort: isPort, address, Int(size), value, translator)
      },
      exception: { user, vector in
        guard let (translator, vcpu) = Box.find(user) else { return }
        vcpu.exception(vector, translator)
      },
      system_call: { user in
        guard let (translator, vcpu) = Box.find(user) else { return }
        vcpu.systemCall(translator)
      },
      system_entry: { user in
        guard let (translator, _) = Box.find(user) else { return 0 }
        return CInt(SystemCall.enterFast(translator) ?? 0)
      },
      identify: { user, leaf, subleaf, values in
        guard let (_, vcpu) = Box.find(user), let values else { return }
        vcpu.identify(leaf, subleaf, values)
      },
      read_model_specific: { user, index, value in
        guard let (_, vcpu) = Box.find(user), let answer = vcpu.readModelSpecific(index) else { return false }
        value?.pointee = answer
        return true
      },
      write_model_specific: { user, index, value in
        guard let (_, vcpu) = Box.find(user) else { return CInt(CUC_WRITE_IS_THE_LIBRARYS) }
        return CInt(vcpu.writeModelSpecific(index, value).rawValue)
      },
      attention: { user in
        guard let (translator, vcpu) = Box.find(user) else { return true }
        return vcpu.attention(translator)
      })
  }

  /// Begins on the stack of its own.
  func emulate() { owner?.emulate(self) }
}

extension Translator.Box {
  /// Whose a callback is. The box outlives the processor, which alone calls back.
  static func find(_ user: UnsafeMutableRawPointer?) -> (Translator, TCGVcpu)? {
    guard let user,
      let translator = Unmanaged<Translator.Box>.fromOpaque(user).takeUnretainedValue().translator,
      let vcpu = translator.owner
    else { return nil }
    return (translator, vcpu)
  }
}
