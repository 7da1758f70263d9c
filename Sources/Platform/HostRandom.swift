import CLinux

/// The kernel's random bytes: getrandom(2).
package enum HostRandom {
  /// Fills memory, which others may read and write meanwhile.
  ///
  /// - Returns: false where the kernel gives none: not all of it is filled.
  package static func fill(_ bytes: UnsafeMutableRawBufferPointer) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = getrandom(bytes.baseAddress! + done, bytes.count - done, 0)
      if count < 0, Errno.current == .interrupted { continue }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }
}
