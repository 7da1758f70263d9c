/// What the fields of a packet of CTF 2 say by their roles (section 6.1).
extension TracePlans {
  /// Forgets the packet before: every packet begins with nothing known and the clock at 0.
  func beginPacket(_ state: inout DecodeState) {
    state.clock = 0
    state.registers[Register.present] = 0
    for register in uuidRegisters { state.registers[register] = UInt64.max }
  }

  func isPresent(_ register: Int, _ state: DecodeState) -> Bool {
    state.registers[Register.present] >> UInt64(register) & 1 == 1
  }

  /// Checks the UUIDs of a packet header; returns the index of the stream class that it names, or of class 0.
  func streamIndex(
    _ buffer: PacketBuffer, _ offset: Int, _ state: DecodeState, _ failure: (Int, String) -> TraceError
  ) throws(TraceError) -> Int {
    for register in uuidRegisters where state.registers[register] != UInt64.max {
      let position = Int(state.registers[register])
      guard let uuid = model.uuid, buffer.holds(uuid, at: offset + position) else {
        throw failure(position * 8, "the packet's UUID is not that of the metadata")
      }
    }
    let id = isPresent(Register.streamID, state) ? state.registers[Register.streamID] : 0
    guard let index = streams.firstIndex(where: { $0.streamClass.id == id }) else {
      throw failure(0, "the packet belongs to data stream class \(id), which the metadata does not declare")
    }
    return index
  }
}
