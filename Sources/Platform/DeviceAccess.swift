import Glibc

/// Why a device may not be opened, and what would allow it.
public struct DeviceAccess: Sendable {
  /// Where it is.
  public var path: String
  /// The name of the group that owns it, or its number.
  public var group: String
  /// The group is root's.
  public var isRootsGroup: Bool
  /// Its group may read and write.
  public var allowsGroup: Bool
  /// This process is in that group.
  public var isMember: Bool

  /// Describes a device.
  public init(path: String, group: String, isRootsGroup: Bool, allowsGroup: Bool, isMember: Bool) {
    self.path = path
    self.group = group
    self.isRootsGroup = isRootsGroup
    self.allowsGroup = allowsGroup
    self.isMember = isMember
  }

  /// Looks at a device; nil where even that is not possible.
  public init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    var groups = [gid_t](repeating: 0, count: 1 << 16)
    let count = getgroups(CInt(groups.count), &groups)
    let name = getgrgid(status.st_gid).map { String(cString: $0.pointee.gr_name) }
    self.init(
      path: path, group: name ?? "\(status.st_gid)", isRootsGroup: status.st_gid == 0,
      allowsGroup: status.st_mode & 0o060 == 0o060,
      isMember: getegid() == status.st_gid || groups.prefix(max(0, Int(count))).contains(status.st_gid))
  }

  /// What to do where opening it was refused.
  public var advice: String {
    if allowsGroup, isMember {
      return
        "it is open to the group \(group), which you are in: something else refuses it, such as a container's rules for "
        + "devices"
    }
    if allowsGroup, !isRootsGroup {
      return
        "join the group \(group), which owns it (usermod -aG \(group) USER), and log in again; or run as root"
    }
    return
      "only root may use it: run as root, or give it to a group that you are in (groupadd --system kvm; chgrp kvm "
      + "\(path); chmod 660 \(path); usermod -aG kvm USER), and log in again"
  }
}
