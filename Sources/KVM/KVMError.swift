import Platform

/// A request to KVM that failed.
package struct KVMError: Error, Sendable, CustomStringConvertible {
  /// The ioctl or the system call, by its name in the kernel's documentation.
  package let request: String
  /// What the kernel answered.
  package let errno: Errno
  /// What the request was for, where the name alone does not say.
  package let purpose: String?

  init(_ request: String, _ errno: Errno, purpose: String? = nil) {
    self.request = request
    self.errno = errno
    self.purpose = purpose
  }

  /// The message.
  package var description: String {
    let what = purpose.map { "\($0): " } ?? ""
    let advice = errno == .tooManyOpenFiles ? "; allow this process more of them (ulimit -n)" : ""
    return "\(what)\(request) failed: \(errno)\(advice)"
  }
}
