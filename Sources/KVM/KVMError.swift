import Platform

/// A request to KVM that failed.
public struct KVMError: Error, Sendable, CustomStringConvertible {
  /// The ioctl or the system call, by its name in the kernel's documentation.
  public let request: String
  /// What the kernel answered.
  public let errno: Errno
  /// What the request was for, where the name alone does not say.
  public let purpose: String?

  init(_ request: String, _ errno: Errno, purpose: String? = nil) {
    self.request = request
    self.errno = errno
    self.purpose = purpose
  }

  /// The message.
  public var description: String {
    let what = purpose.map { "\($0): " } ?? ""
    let advice = errno == .tooManyOpenFiles ? "; allow this process more of them (ulimit -n)" : ""
    return "\(what)\(request) failed: \(errno)\(advice)"
  }
}
