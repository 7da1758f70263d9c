import CKVM

/// What PC firmware does to each processor before a kernel runs, and KVM leaves to the VMM. It is done before the power-on state is
/// noted, so that a reset brings it back; INIT leaves these registers alone, as on a processor (Intel SDM, volume 3, table "IA-32
/// Processor States Following Power-up, Reset, or INIT").
enum FirmwareRegisters {
  private static let miscEnable: UInt32 = 0x1a0
  private static let memoryTypeDefault: UInt32 = 0x2ff
  private static let hardwareConfiguration: UInt32 = 0xc001_0015

  /// Sets them on one vCPU, as far as KVM has them.
  static func apply(to vcpu: KVMVcpu, _ cpuid: GuestCPUID) throws(KVMError) {
    var registers: [ModelSpecificRegister] = []
    // IA32_MISC_ENABLE: string instructions may be fast (bit 0). Without it Linux takes ERMS and FSRM away. What KVM has set beside
    // it says that there is no sampling.
    if let value = try vcpu.modelSpecificRegister(miscEnable) {
      registers.append(.init(miscEnable, value | 1 << 0))
    }
    // IA32_MTRR_DEF_TYPE: memory types are on (bit 11), and all memory is write-back (6). Without it Linux says that MTRRs are
    // disabled, and does without PAT.
    registers.append(.init(memoryTypeDefault, 1 << 11 | 6))
    // HWCR of AMD's: the time stamp counter counts at the frequency of P0 (TscFreqSel, bit 24), as Linux expects of one whose
    // rate is constant. KVM takes it since Linux 6.8.
    if cpuid.isOfAMD, cpuid.hasConstantTimeStampCounter,
      let value = try vcpu.modelSpecificRegister(hardwareConfiguration)
    {
      registers.append(.init(hardwareConfiguration, value | 1 << 24))
    }
    // What KVM refuses it does not have: there is nothing to be done about it, and nothing that a guest may expect.
    try vcpu.setModelSpecificRegisters(registers)
  }
}
