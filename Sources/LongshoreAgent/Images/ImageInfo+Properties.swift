internal import LongshoreMessages

extension ImageInfo {
  /// How the image is made.
  ///
  /// - Parameter status: The image's file.
  func properties(_ status: FileStatus) -> ImageProperties {
    guard format == ImageFormat.qcow2.rawValue else { return ImageProperties(preallocation: preallocation(status)) }
    return ImageProperties(
      clusterSize: clusterSize, compat: compat, extendedL2: hasExtendedL2, lazyRefcounts: hasLazyRefcounts, refcountBits: refcountBits,
      compressionType: compressionType, preallocation: preallocation(status))
  }

  /// Told by the file alone, since no header says it: a qcow2 file that is as long as its disk has a place for every cluster, and a file
  /// that takes as much as its disk has all its space. One that the guest has filled is like one that was made so.
  private func preallocation(_ status: FileStatus) -> ImageProperties.Preallocation? {
    guard virtualSize > 0, status.size >= virtualSize else { return nil }
    if status.allocated >= virtualSize { return .full }
    return format == ImageFormat.qcow2.rawValue && (backingFilename == nil || hasExtendedL2) ? .metadata : nil
  }
}

extension QemuImg.Specification {
  /// What a stub is to be. What its file has in advance beyond the places of its clusters is not of the image: see ``FileSpace``.
  init(_ disk: PlannedDisk, over backing: PreparedDisk.Layer?) {
    let image = disk.image
    let hasExtendedL2 = image?.extendedL2 ?? false
    self.init(
      format: disk.format.rawValue, virtualSize: disk.virtualSize,
      backing: backing.map { QemuImg.Backing(path: $0.path, format: $0.format.rawValue) }, clusterSize: image?.clusterSize,
      compat: image?.compat, hasExtendedL2: hasExtendedL2, hasLazyRefcounts: image?.lazyRefcounts ?? false,
      refcountBits: image?.refcountBits, compressionType: image?.compressionType == "zlib" ? nil : image?.compressionType,
      hasAllClusters: disk.format == .qcow2 && image?.preallocation != nil && (backing == nil || hasExtendedL2))
  }
}
