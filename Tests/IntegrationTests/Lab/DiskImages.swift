import FoundationEssentials
import Testing

/// What the images of a guest's disks and media are on a host.
struct DiskImages {
  /// An image, as `qemu-img info` tells it.
  struct Image: Decodable {
    /// What has to be the same wherever the image is.
    struct Properties: Decodable, Equatable {
      let compat: String?
      let compressionType: String?
      let lazyRefcounts: Bool?
      let refcountBits: Int?
      let extendedL2: Bool?

      enum CodingKeys: String, CodingKey {
        case compat
        case compressionType = "compression-type"
        case lazyRefcounts = "lazy-refcounts"
        case refcountBits = "refcount-bits"
        case extendedL2 = "extended-l2"
      }
    }

    private struct Specific: Decodable { let data: Properties }

    let filename: String
    let format: String
    let virtualSize: Int
    let clusterSize: Int?
    let properties: Properties?

    enum CodingKeys: String, CodingKey {
      case filename, format
      case virtualSize = "virtual-size"
      case clusterSize = "cluster-size"
      case specific = "format-specific"
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      filename = try container.decode(String.self, forKey: .filename)
      format = try container.decode(String.self, forKey: .format)
      virtualSize = try container.decode(Int.self, forKey: .virtualSize)
      clusterSize = try container.decodeIfPresent(Int.self, forKey: .clusterSize)
      properties = format == "qcow2" ? try container.decode(Specific.self, forKey: .specific).data : nil
    }

    /// Whether another image is made in the same way, and has the same name.
    func isMadeAs(_ other: Image) -> Bool {
      format == other.format && virtualSize == other.virtualSize && clusterSize == other.clusterSize && properties == other.properties
        && name == other.name
    }

    private var name: Substring? { filename.split(separator: "/").last }
  }

  /// The images of one disk.
  struct Disk {
    /// From the top down.
    let chain: [Image]
    /// The length of the top's file, in bytes.
    let size: Int
    /// The space that it takes, in bytes.
    let allocated: Int

    /// The size of the disk, in bytes.
    var virtualSize: Int { chain.first?.virtualSize ?? 0 }
  }

  /// By target. An empty drive is not among them.
  let disks: [String: Disk]

  /// Looks at the images of a guest that is on a host.
  init(of guest: Guest, on host: Lab.Host) async throws {
    let text = try await guest.lab.shell(
      on: host,
      #"""
      export LC_ALL=C.UTF-8
      virsh --quiet domblklist --details "$1" | sed -En 's/^ *[^ ]+ +[^ ]+ +([^ ]+) +(\/.*[^ ]) *$/\1\t\2/p' |
        while IFS=$'\t' read -r target path; do
          printf '%s\t%s\t%s\n' "$target" "$(stat --format '%s %b' "$path")" \
            "$(qemu-img info --force-share --backing-chain --output json "$path" | tr -d '\n')"
        done
      """#, guest.uuid)
    var disks: [String: Disk] = [:]
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: "\t", maxSplits: 2)
      let numbers = fields[1].split(separator: " ").compactMap { Int($0) }
      try #require(fields.count == 3 && numbers.count == 2)
      disks[String(fields[0])] = Disk(
        chain: try JSONDecoder().decode([Image].self, from: Data(fields[2].utf8)), size: numbers[0], allocated: numbers[1] * 512)
    }
    self.disks = disks
  }

  /// What a host's definitions say of a guest's disks, without where they are: the live one and the one to start by.
  static func definitions(of guest: Guest, on host: Lab.Host) async throws -> String {
    try await guest.lab.shell(
      on: host,
      #"""
      for options in "" --inactive; do
        virsh --quiet dumpxml $options "$1" | sed -n -e '/<iothreads>/p' -e '/<disk /,/<\/disk>/p' |
          grep -Ev '<source |<(/)?backingStore|<format ' | sed -e 's/ index=.[0-9]*.//'
      done
      """#, guest.uuid)
  }
}
